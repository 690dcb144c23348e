#if Operations
    import Bytes
    import Foundation
    import Postgres
    import Support
    import Synchronization
    import Testing

    @testable import Operations

    /// A server without a database that answers with the path, and at `/later` from another thread.
    private final class TestServer: Sendable {
        let port: Int
        private let server: HTTPServer
        private let held: Held

        init(clientSeconds: Double = 30, stopSeconds: Double = 1) throws {
            var limits = HTTPLimits()
            limits.clientSeconds = clientSeconds
            limits.stopSeconds = stopSeconds
            let held = Held()
            let server = HTTPServer(limits: limits) { request in
                let answer = HTTPResponse(contentType: "text/plain", body: Array("\(request.target.segments)".utf8))
                switch request.target.segments.first {
                case "later":
                    return .later { respond in _ = PosixThread { respond(answer) } }
                case "never": return .later { held.keep($0) }
                case "big":
                    return .now(HTTPResponse(contentType: "text/plain", body: [UInt8](repeating: 65, count: 3 << 20)))
                default: return .now(answer)
                }
            }
            self.server = server
            self.held = held
            let socket = try ListeningSocket(host: "127.0.0.1", port: 0)
            try server.start(socket)
            port = socket.port
        }

        /// Requests that wait for an answer that nobody gives.
        var heldCount: Int { held.count }
        func stop() { server.stop() }
    }

    /// Answers that nobody gives.
    private final class Held: Sendable {
        private let all = Mutex<[@Sendable (HTTPResponse) -> Void]>([])
        var count: Int { all.withLock { $0.count } }
        func keep(_ respond: @escaping @Sendable (HTTPResponse) -> Void) { all.withLock { $0.append(respond) } }
    }

    @Suite("Endpoint: server")
    struct ServerTests {
        @Test func itAnswersAtOnceAndLater() throws {
            let server = try TestServer()
            defer { server.stop() }
            for path in ["/now/a%2Fb", "/later/a%2Fb"] {
                let reply = try RawClient.ask(server.port, "GET", path)
                #expect(reply.status == 200 && reply.text.contains("a/b"), "\(reply)")
            }
            let head = try RawClient.ask(server.port, "HEAD", "/big")
            #expect(head.status == 200 && head.body.isEmpty && head.headers["content-length"] == "\(3 << 20)")
            #expect(try RawClient.ask(server.port, "GET", "/big").body.count == 3 << 20)
        }

        @Test func requestsInARowAreAnsweredInOrderOnOneConnection() throws {
            let server = try TestServer()
            defer { server.stop() }
            let client = try RawClient(port: server.port)
            defer { client.close() }
            let lines = (0..<20).map { "GET /\($0 % 3 == 0 ? "later" : "now")/\($0) HTTP/1.1\r\nHost: localhost\r\n" }
            client.send(lines.joined(separator: "\r\n") + "Connection: close\r\n\r\n")
            let text = String(decoding: client.receiveToEnd(), as: UTF8.self)
            let places = (0..<20).map { text.range(of: "\"\($0)\"]")?.lowerBound }
            #expect(!places.contains(nil) && places.compactMap { $0 } == places.compactMap { $0 }.sorted())
        }

        @Test(arguments: [
            ("GET /\(String(repeating: "a", count: 3_000)) HTTP/1.1\r\nHost: a\r\n\r\n", 414),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 60_000))\r\n\r\n", 431),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n", 413),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n\r\n", 400), ("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GARBAGE\r\n\r\n", 400),
        ])
        func whatCantBeIsRefused(text: String, status: Int) throws {
            let server = try TestServer()
            defer { server.stop() }
            let client = try RawClient(port: server.port)
            defer { client.close() }
            client.send(text)
            let bytes = client.receiveToEnd()
            // What is no HTTP at all may get no answer but the end of the connection.
            let found = RawClient.parse(bytes).status
            #expect(found == status || (bytes.isEmpty && text.hasPrefix("GARBAGE")), "\(text.prefix(60)): \(found)")
            #expect(try RawClient.ask(server.port, "GET", "/now").status == 200)
        }

        @Test func aBodyInPiecesIsBoundedToo() throws {
            let server = try TestServer()
            defer { server.stop() }
            let client = try RawClient(port: server.port)
            defer { client.close() }
            client.send("POST /now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in 0..<100 { client.send("1000\r\n" + String(repeating: "a", count: 4096) + "\r\n") }
            #expect(!String(decoding: client.receiveToEnd(), as: UTF8.self).contains("200 OK"))
        }

        @Test func slowClientsAreCutOffByTheWholeTimeTheyTake() throws {
            let server = try TestServer(clientSeconds: 1)
            defer { server.stop() }
            let client = try RawClient(port: server.port)
            defer { client.close() }
            client.send("GET /now HTTP/1.1\r\nHost: a\r\n")
            // A byte now and then keeps no connection: the system tells when the other side has closed it.
            var sent = 0
            while sent < 10_000 {
                client.send("X")
                sent += 1
                if client.hasAnswer(milliseconds: 50) { break }
            }
            #expect(client.receiveToEnd().isEmpty && sent < 10_000)
        }

        @Test func itStopsWithRequestsUnderWay() throws {
            let server = try TestServer(stopSeconds: 2)
            let waiting = try RawClient(port: server.port)
            let idle = try RawClient(port: server.port)
            defer {
                waiting.close()
                idle.close()
            }
            waiting.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
            idle.send("GET /now HTTP/1.1\r\nHost: a\r\n")
            // It has been decided on: it is owed an answer.
            while server.heldCount < 1 { usleep(1_000) }
            server.stop()
            #expect(RawClient.parse(waiting.receiveToEnd()).status == 503)
            #expect(idle.receiveToEnd().isEmpty)
            #expect(throws: (any Error).self) { try RawClient.ask(server.port, "GET", "/now") }
        }
    }
#endif
