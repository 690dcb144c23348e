import Foundation
import Support
import Testing

/// Named like the fault tests, so that it runs with them: it waits for a process.
@Suite("Reload", .database)
struct ReloadFaultTests {
    /// Reads the log until a line contains a text.
    private func wait(for text: String, in lines: FileHandle, _ seen: inout String) throws {
        while !seen.contains(text) {
            let data = lines.availableData
            if data.isEmpty { throw CocoaError(.fileReadUnknown, userInfo: [NSDebugDescriptionErrorKey: seen]) }
            seen += String(decoding: data, as: UTF8.self)
        }
        seen = seen.components(separatedBy: text).dropFirst().joined(separator: text)
    }

    @Test func aHangUpReadsTheFileAgainAndWrongOnesChangeNothing() throws {
        let scratch = try ScratchFolder()
        let file = try scratch.write("a.conf", "AFTERTHOUGHT_CYCLE_SECONDS=60\nAFTERTHOUGHT_LOG_FORMAT=json\n")
        let process = Program.prepared(
            ["worker", "--config", file, "--no-jobs", "--database-url", TestDatabase.current.url])
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        // What is waited for and does not come would be waited for without end: its end ends the log.
        let id = process.processIdentifier
        DispatchQueue.global().asyncAfter(deadline: .now() + 300) { kill(id, SIGKILL) }
        let log = errors.fileHandleForReading
        var seen = ""
        try wait(for: "claimed 64 shards", in: log, &seen)
        _ = try scratch.write("a.conf", "AFTERTHOUGHT_CYCLE_SECONDS=0\n")
        kill(process.processIdentifier, SIGHUP)
        try wait(for: "kept the settings as they are: expected AFTERTHOUGHT_CYCLE_SECONDS", in: log, &seen)
        _ = try scratch.write(
            "a.conf",
            "AFTERTHOUGHT_CYCLE_SECONDS=0.2\nAFTERTHOUGHT_LOG_LEVEL=debug\nAFTERTHOUGHT_LOG_FORMAT=json\n"
                + "AFTERTHOUGHT_TTL_SECONDS=600\n")
        kill(process.processIdentifier, SIGHUP)
        try wait(
            for: #"read the settings again; a restart is needed for AFTERTHOUGHT_TTL_SECONDS"}"#, in: log, &seen)
        // With the old pause it would be seen in a minute, and at the old level not at all.
        var connection = try TestDatabase.current.connect()
        try connection.execute("select afterthought.record_message('u', 'b', 'user', 'hello')")
        try wait(for: #""level":"debug","message":"batch of 1 rows"#, in: log, &seen)
        kill(process.processIdentifier, SIGTERM)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }
}
