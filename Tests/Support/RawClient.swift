import Bytes
import Foundation

/// A client that sends whatever it is told to, also what no client should.
package struct RawClient: Sendable {
    /// What came back: the head as text, the body as bytes.
    package struct Reply: Sendable {
        package var status: Int
        package var headers: [String: String]
        package var body: [UInt8]

        package var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    let port: Int
    let socket: Int32

    /// Connects to this machine.
    package init(port: Int) throws {
        self.port = port
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let (handle, size) = (socket, socklen_t(MemoryLayout<sockaddr_in>.size))
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(handle, $0, size) == 0 }
        }
        guard isConnected else { throw CocoaError(.fileReadUnknown) }
    }

    package func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends as much as the server takes.
    package func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Whether something has come, or the server has closed the connection, within so long.
    package func hasAnswer(milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) > 0
    }

    /// All that comes until the server closes the connection.
    package func receiveToEnd() -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(socket, &buffer, buffer.count, 0), count > 0 { bytes += buffer[..<count] }
        return bytes
    }

    package func close() { Glibc.close(socket) }

    /// Asks once, on a connection of its own.
    package static func ask(
        _ port: Int, _ method: String, _ path: String, _ headers: [String] = [], body: String? = nil
    ) throws -> Reply {
        let client = try RawClient(port: port)
        defer { client.close() }
        var lines = ["\(method) \(path) HTTP/1.1", "Connection: close"] + headers
        if !headers.contains(where: { $0.lowercased().hasPrefix("host:") }) { lines.append("Host: localhost") }
        if let body { lines.append("Content-Length: \(body.utf8.count)") }
        client.send((lines + ["", body ?? ""]).joined(separator: "\r\n"))
        return parse(client.receiveToEnd())
    }

    /// Takes the first reply apart.
    package static func parse(_ bytes: [UInt8]) -> Reply {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else {
            return Reply(status: 0, headers: [:], body: bytes)
        }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
        }
        let status = Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0
        return Reply(status: status, headers: headers, body: Array(bytes[end.upperBound...]))
    }
}
