import Foundation
import Testing

@testable import LanguageModel

#if LanguageModel
    /// What an endpoint may do wrong, and what becomes of it.
    ///
    /// No error may carry what the endpoint or the user said.
    @Suite("Language model: transport")
    struct TransportTests {
        private static let content = "what-the-endpoint-said"
        private static let key = "sk-very-secret"

        private func configuration(_ server: ScriptedServer) throws -> LanguageModelConfiguration {
            var configuration = try #require(
                try LanguageModelConfiguration(environment: [
                    "AFTERTHOUGHT_LLM_URL": server.url, "AFTERTHOUGHT_LLM_MODEL": "tiny",
                    "AFTERTHOUGHT_LLM_API_KEY": Self.key,
                ]))
            configuration.timeoutSeconds = 20
            return configuration
        }

        /// Asks once.
        private func ask(
            _ server: ScriptedServer, change: (inout LanguageModelConfiguration) -> Void = { _ in },
            checkStop: () throws -> Void = {}
        ) throws -> ChatReply {
            var configuration = try configuration(server)
            change(&configuration)
            let request = ChatRequest(instructions: "Be kind.", input: "what-the-user-said", completionTokensMax: 20)
            let body = request.body(model: configuration.model)
            return try ChatReply(CurlTransport().post(body, configuration, checkStop: checkStop))
        }

        /// Asks an endpoint that fails, and tells how.
        private func failure(
            _ reply: @escaping ScriptedServer.Reply, change: (inout LanguageModelConfiguration) -> Void = { _ in }
        ) throws -> LanguageModelError? {
            let server = try ScriptedServer(reply)
            defer { server.stop() }
            do {
                _ = try ask(server, change: change)
                return nil
            } catch let error as LanguageModelError {
                for secret in [Self.content, Self.key, "what-the-user-said"] {
                    #expect(!"\(error) \(String(reflecting: error))".contains(secret))
                }
                return error
            }
        }

        @Test func aGoodAnswerIsReadAndTheRequestIsInTheCommonForm() throws {
            let server = try ScriptedServer(ScriptedServer.answer("Good \\u00e4nswer 🌊", prompt: 12, completion: 3))
            defer { server.stop() }
            let reply = try ask(server)
            #expect(reply.text == "Good änswer 🌊" && reply.promptTokens == 12 && reply.completionTokens == 3)
            let request = try #require(server.requests.first)
            #expect(request.head.hasPrefix("POST /v1/chat/completions HTTP/1.1\r\n"))
            #expect(request.head.contains("\r\nAuthorization: Bearer sk-very-secret"))
            #expect(request.head.contains("\r\nContent-Type: application/json"))
            #expect(!request.head.lowercased().contains("accept-encoding"))
            #expect(
                request.body == """
                    {"model":"tiny","messages":[{"role":"system","content":"Be kind."},\
                    {"role":"user","content":"what-the-user-said"}],\
                    "max_tokens":20,"temperature":0,"stream":false}
                    """)
        }

        @Test func aSlowEndpointIsGivenUp() throws {
            #expect(try failure(ScriptedServer.hang) { $0.timeoutSeconds = 0.05 }?.code == .timeout)
            // One that sends a byte now and then is as slow.
            let drip: ScriptedServer.Reply = { socket in
                ScriptedServer.send(socket, Array("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".utf8))
                while ScriptedServer.send(socket, [32]) { usleep(10_000) }
            }
            #expect(try failure(drip) { $0.timeoutSeconds = 0.2 }?.code == .timeout)
        }

        @Test func statusesSayWhetherToAskAgain() throws {
            for status in ["408 T", "429 Too Many", "500 Oops", "502 Bad", "503 Later", "504 Late"] {
                let error = try failure(ScriptedServer.respond(status, Self.content))
                #expect(error?.code == .busy && error?.isPassing == true && error?.mayBeCharged == false, "\(status)")
            }
            for status in ["401 Who", "403 No", "404 Where", "405 How", "204 None"] {
                let error = try failure(ScriptedServer.respond(status, Array(Self.content.utf8), type: "text/plain"))
                #expect(error?.code == .refused && error?.isPassing == false, "\(status)")
                #expect(error?.isAboutOneRequest == false, "\(status)")
            }
            for status in ["400 Bad", "413 Large", "422 What"] {
                let error = try failure(ScriptedServer.respond(status, Array(Self.content.utf8), type: "text/plain"))
                #expect(error?.code == .refusedRequest && error?.isPassing == false, "\(status)")
                #expect(error?.isAboutOneRequest == true && error?.mayBeCharged == false, "\(status)")
            }
        }

        @Test func aRedirectIsNotFollowed() throws {
            let other = try ScriptedServer(ScriptedServer.answer("stolen"))
            defer { other.stop() }
            for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
                let error = try failure(
                    ScriptedServer.respond(status, fields: ["Location: \(other.url)/chat/completions"]))
                #expect(error?.code == .refused)
                #expect(error?.message.contains("redirects") == true)
            }
            #expect(other.requests.isEmpty)
        }

        @Test func jsonThatIsCutOffIsMalformed() throws {
            let body = "{\"choices\": [{\"message\": {\"content\": \"\(Self.content)"
            #expect(try failure(ScriptedServer.respond("200 OK", body))?.code == .malformed)
            #expect(try failure(ScriptedServer.respond("200 OK", "{\"choices\": []}"))?.code == .malformed)
            #expect(try failure(ScriptedServer.respond("200 OK", "[\"\(Self.content)\"]"))?.code == .malformed)
            #expect(try failure(ScriptedServer.respond("200 OK", ""))?.code == .malformed)
            let deep = String(repeating: "[", count: 100_000)
            #expect(try failure(ScriptedServer.respond("200 OK", deep))?.code == .malformed)
        }

        @Test func aConnectionThatEndsTooEarlyFails() throws {
            // In the middle of the body, of the header, and before either.
            let half = Array("{\"choices\": [\"\(Self.content)".utf8)
            #expect(try failure(ScriptedServer.respond("200 OK", half, length: 5000))?.code == .connection)
            let header: ScriptedServer.Reply = { ScriptedServer.send($0, Array("HTTP/1.1 200 OK\r\nContent-".utf8)) }
            #expect(try failure(header)?.code != nil)
            let error = try failure({ _ in })
            #expect(error?.code == .connection && error?.mayBeCharged == true)
        }

        @Test func aHugeBodyIsCutOff() throws {
            let sent = Sent()
            let endless: ScriptedServer.Reply = { socket in
                ScriptedServer.send(
                    socket, Array("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n".utf8))
                let piece = [UInt8](repeating: 32, count: 65_536)
                while ScriptedServer.send(socket, piece) { sent.add(piece.count) }
            }
            let error = try failure(endless) { $0.bodyBytesMax = 100_000 }
            #expect(error?.code == .tooLarge && error?.isPassing == false)
            // What the sockets' buffers took besides is bounded by the system.
            #expect(sent.bytes < 50_000_000)
            let fits = try failure(ScriptedServer.respond("200 OK", String(repeating: " ", count: 100_000))) {
                $0.bodyBytesMax = 100_000
            }
            #expect(fits?.code == .malformed)
        }

        @Test func endlessHeadersAreCutOff() throws {
            let endless: ScriptedServer.Reply = { socket in
                ScriptedServer.send(socket, Array("HTTP/1.1 200 OK\r\n".utf8))
                let line = Array("X-Filler: \(String(repeating: "x", count: 1000))\r\n".utf8)
                while ScriptedServer.send(socket, line) {}
            }
            #expect(try failure(endless) { $0.headerBytesMax = 20_000 }?.code == .tooLarge)
        }

        @Test func invalidUTF8IsReplaced() throws {
            let body =
                Array("{\"choices\": [{\"message\": {\"content\": \"a".utf8) + [0xFF, 0xC3, 0x28]
                + Array("z\"}}]}".utf8)
            let server = try ScriptedServer(ScriptedServer.respond("200 OK", body))
            defer { server.stop() }
            let reply = try ask(server)
            #expect(reply.text == "a\u{FFFD}\u{FFFD}(z" && reply.promptTokens == nil && reply.completionTokens == nil)
        }

        @Test func anotherTypeOfContentIsRefused() throws {
            let page = Array("<html>\(Self.content)</html>".utf8)
            let error = try failure(ScriptedServer.respond("200 OK", page, type: "text/html; charset=utf-8"))
            #expect(error?.code == .refused && error?.hint?.contains("AFTERTHOUGHT_LLM_URL") == true)
        }

        @Test func anEndpointThatIsNotThereIsOutOfReach() throws {
            let server = try ScriptedServer(ScriptedServer.hang)
            server.stop()
            let error = #expect(throws: LanguageModelError.self) { try ask(server) }
            #expect(error?.code == .connection && error?.isPassing == true)
        }

        @Test func plainTextBehindHTTPSIsNoEndpoint() throws {
            let server = try ScriptedServer(ScriptedServer.answer("unprotected"))
            defer { server.stop() }
            let error = #expect(throws: LanguageModelError.self) {
                try ask(server) {
                    $0.endpoint = try! EndpointURL(server.url.replacingOccurrences(of: "http:", with: "https:"))
                    $0.timeoutSeconds = 2
                }
            }
            #expect(error != nil && server.requests.isEmpty)
        }

        @Test func aRequestThatIsNoLongerWantedEnds() throws {
            struct Stopped: Error {}
            let server = try ScriptedServer(ScriptedServer.hang)
            defer { server.stop() }
            var asked = 0
            #expect(throws: Stopped.self) {
                try ask(server) {
                    $0.timeoutSeconds = 3600
                } checkStop: {
                    asked += 1
                    if asked == 3 { throw Stopped() }
                }
            }
        }
    }

    /// Counts bytes across threads.
    private final class Sent: @unchecked Sendable {
        // Unchecked because the lock guards the count.
        private let lock = NSLock()
        private var count = 0
        func add(_ bytes: Int) { lock.withLock { count += bytes } }
        var bytes: Int { lock.withLock { count } }
    }
#endif
