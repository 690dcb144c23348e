import Bytes
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
    #else
        @Test func aBuildWithoutItSaysSoWhenAPortIsAskedFor() throws {
            let refused = try run(["worker", "--http-port", "9999"])
            #expect(refused.status == 64 && refused.errors.contains("expected a build with the HTTP endpoint"))
        }
    #endif
}
