import Bytes
import Engines
import Foundation
import Postgres
import Support
import Testing

@testable import Operations
@testable import afterthought

@Suite("Endpoint: command", .database)
struct EndpointCommandTests {
    private func run(_ words: [String], _ environment: [String: String] = [:]) throws -> Program {
        try Program.run(
            words, environment: environment.merging(["AFTERTHOUGHT_DATABASE_URL": TestDatabase.current.url]) { $1 })
    }

    @Test func aKeyThatWillNotDoIsRefusedWithoutBeingRepeated() throws {
        for (environment, expected) in [
            (["AFTERTHOUGHT_ADMIN_KEY": "hunter2"], "expected AFTERTHOUGHT_ADMIN_KEY to be 16…4096 printable"),
            (["AFTERTHOUGHT_ADMIN_KEY_FILE": "/nonexistent"], "expected --admin-key-file to be a readable file"),
            (
                ["AFTERTHOUGHT_ADMIN_KEY": "hunter2-hunter2-hunter2", "AFTERTHOUGHT_ADMIN_KEY_FILE": "x"],
                "expected AFTERTHOUGHT_ADMIN_KEY or `--admin-key-file`, got: both"
            ),
            (["AFTERTHOUGHT_HTTP_PORT": "65536"], "expected `AFTERTHOUGHT_HTTP_PORT` to be 0…65535, got: 65536"),
        ] {
            let refused = try run(["worker"], environment)
            #expect(refused.status == 64 && refused.errors.contains(expected), "\(refused)")
            #expect(!refused.errors.contains("hunter2"))
        }
    }

    #if Operations
        @Test func anAddressThatIsTakenIsAnErrorOnlyWhereItWasAskedFor() throws {
            let taken = try ListeningSocket(host: "127.0.0.1", port: 0)
            defer { taken.close() }
            let refused = try run(["worker", "--http-port", "\(taken.port)"])
            #expect(refused.status == 69 && refused.errors.contains("to be free for the HTTP endpoint"), "\(refused)")
            let nowhere = try run(["worker", "--http-host", "192.0.2.1"])
            #expect(nowhere.status == 69 && nowhere.errors.contains("192.0.2.1"), "\(nowhere)")
        }

        /// A worker on the test's database, from its start to its end.
        private func withWorker(_ body: (Int) throws -> Void) throws -> (status: Int32, log: String) {
            let socket = try ListeningSocket(host: "127.0.0.1", port: 0)
            socket.close()
            let process = Program.prepared(
                ["worker", "--cycle-seconds", "0.2", "--http-port", "\(socket.port)"],
                [
                    "AFTERTHOUGHT_DATABASE_URL": TestDatabase.current.url,
                    "AFTERTHOUGHT_ADMIN_KEY": "a-key-of-more-than-sixteen",
                ])
            let errors = Pipe()
            process.standardError = errors
            try process.run()
            var said = Data()
            while !String(decoding: said, as: UTF8.self).contains("HTTP endpoint at ") {
                let piece = errors.fileHandleForReading.availableData
                if piece.isEmpty { break }
                said += piece
            }
            let result = Result { try body(socket.port) }
            process.terminate()
            said += errors.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            try result.get()
            return (process.terminationStatus, String(decoding: said, as: UTF8.self))
        }

        @Test func theWorkerServesWhatItDoesAndStopsWithRequestsUnderWay() throws {
            var connection = try TestDatabase.current.connect()
            try connection.execute(
                """
                select afterthought.record_message('u1', 'elena', 'user', 'Sailing across the lake was wonderful.');
                select afterthought.record_personality_insight('u1', '{"openness": 2.0}');
                select afterthought.record_personality_insight('u1', '{"openness": 1.0}');
                """)
            let key = ["X-Admin-Key: a-key-of-more-than-sixteen"]
            var unfinished: RawClient?
            let (status, log) = try withWorker { port in
                while try RawClient.ask(port, "GET", "/health/ready").status != 200 { usleep(20_000) }
                let update = try RawClient.ask(port, "POST", "/api/v1/chat/personality/update/u1", key).json
                #expect(update["success"]?.bool == true && update["data"]?["insights_processed"]?.int64 == 2)
                #expect(update["data"]?["trait_changes"]?["openness"]?["after"]?.double == 50.3, "\(update.text)")
                let again = try RawClient.ask(port, "POST", "/api/v1/chat/personality/update/u1", key).json
                #expect(again["data"]?["insights_processed"]?.int64 == 0, "\(again.text)")
                let found = try RawClient.ask(port, "POST", "/api/messages/1/trigger-analysis", key)
                #expect(found.json["data"]?["message_id"]?.int64 == 1 && found.text.contains("sailing"), "\(found)")
                while try RawClient.ask(port, "GET", "/api/v1/cache/elena/u1", key).status != 200 { usleep(20_000) }
                let pair = try RawClient.ask(port, "GET", "/api/v1/cache/elena/u1", key).json
                #expect(pair["freshness"]?.string == "fresh" && pair["signals"]?.members?.isEmpty == false)
                for signal in ["last_engagement_gap_hours", "engagement_score_avg"] {
                    let path = "/api/v1/explain/elena/u1?signal=\(signal)"
                    while try RawClient.ask(port, "GET", path, key).status == 503 { usleep(20_000) }
                    let explained = try RawClient.ask(port, "GET", path, key).json
                    #expect(explained["column"]?.string == signal && explained["formula"] != nil, "\(explained.text)")
                }
                #expect(try RawClient.ask(port, "GET", "/api/v1/explain/a/b?signal=topic_drift", key).status == 404)
                let engines = try RawClient.ask(port, "GET", "/api/v1/admin/engines").json
                #expect(engines["engines"]?.array?.count == EnginePart.allCases.count, "\(engines.text)")
                #expect(try RawClient.ask(port, "GET", "/metrics").text.contains("afterthought_build_info{"))
                let client = try RawClient(port: port)
                client.send("POST /api/clustering/background-force HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
                unfinished = client
            }
            #expect(status == 0 && log.contains("afterthought: stopped"), "\(log)")
            #expect(unfinished?.receiveToEnd().isEmpty == true)
            unfinished?.close()
            for secret in ["u1", "a-key-of", "ailing"] { #expect(!log.contains(secret), "\(log)") }
            let rows = try connection.textRows(
                "select action, status from afterthought.operations_audit order by id")
            #expect(
                rows == [
                    ["update_personality", "200"], ["update_personality", "200"], ["analyze_message", "200"],
                ])
        }
    #else
        @Test func aBuildWithoutItSaysSoWhenAPortIsAskedFor() throws {
            let refused = try run(["worker", "--http-port", "9999"])
            #expect(refused.status == 64 && refused.errors.contains("expected a build with the HTTP endpoint"))
        }
    #endif
}
