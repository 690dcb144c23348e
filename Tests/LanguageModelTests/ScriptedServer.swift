import Foundation
import Synchronization

/// A server on the loopback interface that answers as a test tells it to, mostly badly: one thread, plain sockets.
final class ScriptedServer: Sendable {
    /// What a client sent.
    struct Request: Sendable {
        var head: String
        var body: String
    }

    /// One connection's answer.
    typealias Reply = @Sendable (_ socket: Int32) -> Void

    let port: Int
    private let listener: Int32
    private let seen = Mutex<[Request]>([])

    /// Starts it.
    ///
    /// - Parameter replies: one for each connection in turn; the last for all that follow.
    /// - Throws: when the system has no port left.
    init(_ replies: Reply...) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (handle, size) = (listener, length)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(handle, pointer, size) == 0 && listen(handle, 16) == 0
                    && getsockname(handle, pointer, &length) == 0
            }
        }
        guard isBound else { throw CocoaError(.featureUnsupported) }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread { [self, handle] in
            var count = 0
            while case let client = accept(handle, nil, nil), client >= 0 {
                if let request = Self.read(client) {
                    seen.withLock { $0.append(request) }
                    replies[min(count, replies.count - 1)](client)
                    count += 1
                }
                close(client)
            }
            close(handle)
        }.start()
    }

    var requests: [Request] { seen.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port)/v1" }

    /// Ends the thread, which closes its socket itself: closed here, its number could be another server's by then.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private static func read(_ socket: Int32) -> Request? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let range = bytes.firstRange(of: end) {
                let head = String(decoding: bytes[..<range.lowerBound], as: UTF8.self)
                let length =
                    head.lowercased().components(separatedBy: "content-length: ").dropFirst().first
                    .flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
                let body = bytes[range.upperBound...]
                if body.count >= length { return Request(head: head, body: String(decoding: body, as: UTF8.self)) }
            }
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
        }
    }
}

extension ScriptedServer {
    /// Sends bytes; false once the client is gone.
    @discardableResult
    static func send(_ socket: Int32, _ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// A whole response.
    static func respond(
        _ status: String, _ body: [UInt8], type: String = "application/json", fields: [String] = [],
        length: Int? = nil
    ) -> Reply {
        let head = ["HTTP/1.1 \(status)", "Content-Type: \(type)", "Content-Length: \(length ?? body.count)"] + fields
        return { socket in send(socket, Array((head + ["", ""]).joined(separator: "\r\n").utf8) + body) }
    }

    static func respond(_ status: String, _ body: String = "", fields: [String] = []) -> Reply {
        respond(status, Array(body.utf8), fields: fields)
    }

    /// A good answer.
    static func answer(_ text: String, prompt: Int = 12, completion: Int = 3) -> Reply {
        respond(
            "200 OK",
            """
            {"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": "\(text)"}}], \
            "usage": {"prompt_tokens": \(prompt), "completion_tokens": \(completion), "total_tokens": 0}}
            """)
    }

    /// Says nothing until the client gives up.
    static let hang: Reply = { socket in
        var byte: UInt8 = 0
        while recv(socket, &byte, 1, 0) > 0 {}
    }
}
