import Bytes
import Glibc

/// Throws malformed requests at an HTTP server on this machine and looks whether it still answers.
///
/// It knows nothing of the server but that `GET /health/live` is answered with 200.
struct HTTPAttack {
    let port: UInt16
    private var random: SeededRandom
    private let seed: UInt64

    init(port: UInt16, seed: UInt64) {
        self.port = port
        self.seed = seed
        random = SeededRandom(seed: seed)
    }

    /// Attacks for so long; a server that no longer answers ends the process.
    mutating func run(seconds: UInt64) {
        signal(SIGPIPE, SIG_IGN)
        var requests = 0
        var answers = 0
        let start = time(nil)
        while UInt64(time(nil) - start) < seconds {
            if send(request()) { answers += 1 }
            requests += 1
            if requests % 100 == 0, !isAlive() {
                broken("the server answers after \(requests) malformed requests (seed \(seed))")
            }
        }
        if !isAlive() { broken("the server answers after \(requests) malformed requests (seed \(seed))") }
        say("http: \(requests) requests, \(answers) answered, seed \(seed), the server is alive")
    }

    private static let methods = [
        "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "G\u{0}T", "", "💥",
    ]
    private static let paths = [
        "/", "/metrics", "/health/live", "/health/ready", "/openapi.json", "/api/v1/cache/bot/user",
        "/api/v1/admin/tasks/clustering/trigger", "/api/v1/admin/tasks/history?limit=", "/../../etc/passwd",
        "/%2e%2e/%00", "/api/messages/99999999999999999999/trigger-analysis", "//", "/\u{1}", "*", "http://x/",
    ]
    private static let headers = [
        "Host: localhost", "X-Admin-Key: x", "X-Admin-Key:", "Content-Length: 10", "Content-Length: -1",
        "Content-Length: 99999999999999999999", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked, gzip",
        "Connection: keep-alive", "Expect: 100-continue", "Range: bytes=0-,-1", "Cookie: a", " folded", ":", "X",
        "Content-Type: application/json",
    ]
    private static let bodies = [
        "", "{}", "0\r\n\r\n", "ffffffffffffffff\r\n", "5\r\nhello\r\n", "{\"a\":", "\u{0}\u{0}",
    ]

    private mutating func request() -> [UInt8] {
        var text = "\(Self.methods.randomElement(using: &random)!) \(Self.paths.randomElement(using: &random)!)"
        if Int.random(in: 0..<8, using: &random) == 0 { text += String(repeating: "a", count: 9000) }
        text += [" HTTP/1.1\r\n", " HTTP/1.0\r\n", " HTTP/9.9\r\n", "\r\n", "\n"].randomElement(using: &random)!
        for _ in 0..<Int.random(in: 0..<6, using: &random) {
            text += Self.headers.randomElement(using: &random)! + "\r\n"
        }
        if Int.random(in: 0..<16, using: &random) == 0 {
            text += String(repeating: "X-Many: \(String(repeating: "b", count: 80))\r\n", count: 400)
        }
        text += "\r\n" + Self.bodies.randomElement(using: &random)!
        var bytes = Array(text.utf8)
        // Some damage, so that not only the list above is tried.
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.removeSubrange(place..<min(bytes.count, place + 8))
            default: bytes.insert(contentsOf: bytes.prefix(place).suffix(64), at: place)
            }
            if bytes.isEmpty { bytes = [0] }
        }
        return bytes
    }

    /// Sends bytes; tells whether anything came back.
    private func send(_ bytes: [UInt8]) -> Bool {
        guard let socket = connected() else { return false }
        defer { close(socket) }
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(socket, $0.baseAddress, $0.count, 0) }
        shutdown(socket, Int32(SHUT_WR))
        var answer = [UInt8](repeating: 0, count: 4096)
        return unsafe answer.withUnsafeMutableBytes { unsafe recv(socket, $0.baseAddress, $0.count, 0) } > 0
    }

    private func isAlive() -> Bool {
        guard let socket = connected() else { return false }
        defer { close(socket) }
        let request = Array("GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
        _ = unsafe request.withUnsafeBytes { unsafe Glibc.send(socket, $0.baseAddress, $0.count, 0) }
        var answer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe answer.withUnsafeMutableBytes { unsafe recv(socket, $0.baseAddress, $0.count, 0) }
        return count > 12 && Array(answer[9..<12]) == Array("200".utf8)
    }

    /// A connection to the port whose reads give up after five seconds.
    private func connected() -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
