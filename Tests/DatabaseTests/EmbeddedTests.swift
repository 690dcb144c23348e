import Foundation
import Postgres
import Testing

@testable import Store

/// A folder of its own for a test, removed at the end.
final class ScratchFolder {
    let path: String

    init() throws {
        path = "/tmp/afterthought-scratch-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }
}

@Suite("Embedded server", .serialized)
struct EmbeddedTests {
    let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    private func connect(_ server: EmbeddedPostgres) throws -> Connection {
        try Connection(ConnectionOptions(url: server.connectionURL))
    }

    private func postmaster() throws -> pid_t {
        let text = try String(contentsOfFile: scratch.path + "/data/postmaster.pid", encoding: .utf8)
        return try #require(EmbeddedServer.PidFile(text)).process
    }

    @Test func startsStopsAndKeepsItsData() throws {
        let first = try EmbeddedPostgres.start(at: scratch.path)
        #expect(!first.wasRunning)
        do {
            var connection = try connect(first)
            try connection.execute("create table kept (value int); insert into kept values (7)")
            let settings = try connection.textRows(
                "select current_setting('listen_addresses'), current_setting('fsync'), inet_server_addr()::text")
            #expect(settings == [["", "on", nil]])
        }
        let process = try postmaster()
        first.stop()
        first.stop()
        #expect(EmbeddedProcess.workingFolder(of: process) == nil)

        let second = try EmbeddedPostgres.start(at: scratch.path)
        defer { second.stop() }
        var connection = try connect(second)
        #expect(try connection.textRows("select value from kept") == [["7"]])
        let mode = try FileManager.default.attributesOfItem(atPath: scratch.path + "/run")[.posixPermissions] as? Int
        #expect(mode == 0o700)
    }

    @Test func aServerLeftRunningIsAdoptedAndTheLastUserStopsIt() throws {
        let first = try EmbeddedPostgres.start(at: scratch.path)
        let process = try postmaster()
        first.leaveRunning()
        let second = try EmbeddedPostgres.start(at: scratch.path)
        #expect(second.wasRunning && second.connectionURL == first.connectionURL)
        let third = try EmbeddedPostgres.start(at: scratch.path)
        #expect(try postmaster() == process)
        second.stop()
        #expect(EmbeddedProcess.workingFolder(of: process) != nil)
        third.stop()
        #expect(EmbeddedProcess.workingFolder(of: process) == nil)
    }

    @Test func aKilledServerRecovers() throws {
        let first = try EmbeddedPostgres.start(at: scratch.path)
        do {
            var connection = try connect(first)
            try connection.execute("create table kept (value int); insert into kept values (7)")
        }
        kill(try postmaster(), SIGKILL)
        first.leaveRunning()
        let second = try EmbeddedPostgres.start(at: scratch.path)
        defer { second.stop() }
        #expect(!second.wasRunning)
        var connection = try connect(second)
        #expect(try connection.textRows("select value from kept") == [["7"]])
    }

    @Test func halfMadeDataAndAPidFileThatNamesAStrangerAreRepaired() throws {
        _ = try scratch.write("AFTERTHOUGHT", "ours")
        try FileManager.default.createDirectory(
            atPath: scratch.path + "/data.unfinished", withIntermediateDirectories: false)
        _ = try scratch.write("data.unfinished/PG_VERSION", "15\n")
        try EmbeddedPostgres.start(at: scratch.path).stop()
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/data.unfinished"))
        let data = scratch.path + "/data"
        _ = try scratch.write("data/postmaster.pid", "\(getpid())\n\(data)\n1\n5432\n\(scratch.path)/run\n\n\nready\n")
        let server = try EmbeddedPostgres.start(at: scratch.path)
        #expect(!server.wasRunning)
        server.stop()
    }

    @Test func theServerHoldsNothingOpenThatIsNotItsOwn() throws {
        var ends: [Int32] = [-1, -1]
        // Inheritable, as a library's may be: the server outlives it only if it was given no copy.
        #expect(pipe(&ends) == 0)
        defer { close(ends[0]) }
        let server = try EmbeddedPostgres.start(at: scratch.path)
        defer { server.stop() }
        close(ends[1])
        var descriptor = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
        #expect(poll(&descriptor, 1, 10_000) == 1)
        #expect(Int32(descriptor.revents) & POLLHUP != 0)
    }

    @Test func aForeignFolderIsLeftAlone() throws {
        let file = try scratch.write("thesis.txt", "mine")
        let error = #expect(throws: EmbeddedError.self) { try EmbeddedPostgres.start(at: scratch.path) }
        #expect(error?.message.contains("to be empty or ours") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["thesis.txt"])
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
    }

    @Test func aDataFolderOfAnotherVersionNamesThePackage() throws {
        _ = try scratch.write("AFTERTHOUGHT", "ours")
        try FileManager.default.createDirectory(atPath: scratch.path + "/data", withIntermediateDirectories: false)
        _ = try scratch.write("data/PG_VERSION", "9999\n")
        let error = #expect(throws: EmbeddedError.self) { try EmbeddedPostgres.start(at: scratch.path) }
        #expect(error?.hint.contains("postgresql-9999") == true)
    }

    @Test(arguments: [
        ("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)", 15), ("postgres (PostgreSQL) 17beta1", 17),
        ("postgres (PostgreSQL) 9.6.24", 9), ("something else", nil),
    ]) func versions(text: String, major: Int?) {
        #expect(EmbeddedBinaries.major(ofVersionText: text) == major)
    }

    @Test func pidFilesAreRead() {
        let whole = EmbeddedServer.PidFile("123\n/d/data\n1700000000\n5432\n/d/run\n\n  1 2\nready   \n")
        #expect(whole?.process == 123 && whole?.socket == "/d/run" && whole?.state == "ready")
        #expect(EmbeddedServer.PidFile("123\n")?.state == nil)
        #expect(EmbeddedServer.PidFile("") == nil)
        #expect(EmbeddedServer.PidFile("-5\n") == nil)
    }

    @Test func workOnAnOwnThreadReturnsAndThrows() async throws {
        #expect(try await onOwnThread { 7 } == 7)
        await #expect(throws: EmbeddedError.self) { try await onOwnThread { throw EmbeddedError("a", hint: "b") } }
    }
}
