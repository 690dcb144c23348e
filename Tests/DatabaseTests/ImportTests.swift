import Bytes
import Foundation
import Postgres
import Support
import Testing

@testable import Store

private let header = "external_id,user_id,bot_name,role,content,created_at\n"

private func row(_ id: Int, _ content: String = "hello", at time: String = "2024-05-06T07:08:09Z") -> String {
    "m\(id),u\(id % 7),b,\(id % 2 == 0 ? "user" : "assistant"),\(content),\(time)\n"
}

private func importText(
    _ text: String, name: String = "a.csv", _ connection: inout Connection,
    _ adjust: (inout ImportOptions) -> Void = { _ in }, stopAfterChunks: Int = .max
) throws -> ImportReport {
    var options = ImportOptions(.memory(name: name, bytes: Array(text.utf8)))
    adjust(&options)
    var importer = try Importer(options)
    var chunks = 0
    return try importer.run(&connection, shouldStop: { chunks >= stopAfterChunks }) { progress in
        if progress.phase == .loading { chunks += 1 }
    }
}

private func count(_ connection: inout Connection) throws -> Int {
    Int(try connection.textRows("select count(*) from afterthought.messages")[0][0] ?? "") ?? -1
}

@Suite("Import", .database)
struct ImportTests {
    @Test func loadsTheSampleAndTheSecondRunNothing() throws {
        var connection = try TestDatabase.current.connect()
        let options = ImportOptions(.memory(name: "sample.csv", bytes: Sample.csv))
        var first = try Importer(options)
        let report = try first.run(&connection)
        #expect(report.loaded == 5210 && report.duplicates == 0 && report.rejected == 0)
        #expect(report.ignoredNames.isEmpty && !report.wasAlreadyImported)
        #expect(try count(&connection) == 5210)
        var second = try Importer(options)
        let again = try second.run(&connection)
        #expect(again.wasAlreadyImported && again.loaded == 5210)
        #expect(try count(&connection) == 5210)
        let order = """
            select count(*) from (
                select created_at, lag(created_at) over (partition by conversation_id order by id) as before
                from afterthought.messages) as pairs
            where created_at < before
            """
        #expect(try connection.textRows(order) == [["0"]])
    }

    @Test func everyColumnArrivesAsItIs() throws {
        var connection = try TestDatabase.current.connect()
        let text = """
            \u{FEFF}role,created_at,content,bot_name,author,conversation_id,message_id,emotion,embedding,extra\r
            bot,2024-01-02 03:04:05.123456+02:00,"a ""quoted"", two\r
            line text — ü 🙂",b,"u,1",c1,x1,"{""joy"": 0.5}","[0.5, -2]",?\r
            system,2024-01-02T00:00:00Z,,,u2,,,,,?
            """
        let report = try importText(text, &connection) { $0.mapping.map("author", to: .userID) }
        #expect(report.loaded == 2 && report.ignoredNames == ["extra"])
        let rows = try connection.textRows(
            """
            select user_id, bot_name, role, content, created_at at time zone 'UTC', conversation_id, external_id,
                emotion, embedding
            from afterthought.messages order by id
            """)
        #expect(
            rows == [
                [
                    "u,1", "b", "assistant", "a \"quoted\", two\r\nline text — ü 🙂", "2024-01-02 01:04:05.123456", "c1",
                    "x1", "{\"joy\": 0.5}", "{0.5,-2}",
                ],
                ["u2", "", "system", "", "2024-01-02 00:00:00", nil, nil, nil, nil],
            ])
    }

    @Test func linesOfJSONLoadLikeCSV() throws {
        var connection = try TestDatabase.current.connect()
        let text = """
            {"user_id": 17, "role": "user", "content": "tab\\there", "created_at": "2024-01-01T00:00:00Z", "x": 1}

            {"user_id": "u", "role": "user", "content": "x", "created_at": "2024-01-01T00:00:00Z", "message_id": 5, \
            "emotion": {"joy": 1}, "embedding": [1, 2.5], "bot_name": null}
            """
        let report = try importText(text, name: "a.jsonl", &connection) { $0.mapping.defaultBot = "fallback" }
        #expect(report.loaded == 2 && report.rejected == 0 && report.ignoredNames == ["x"])
        let rows = try connection.textRows(
            "select user_id, bot_name, content, external_id, emotion, embedding from afterthought.messages order by id")
        #expect(
            rows == [
                ["17", "fallback", "tab\there", nil, nil, nil],
                ["u", "fallback", "x", "5", "{\"joy\": 1}", "{1,2.5}"],
            ])
    }

    @Test func sameExternalIDsAreLoadedOnce() throws {
        var connection = try TestDatabase.current.connect()
        #expect(try importText(header + row(1) + row(2), &connection).loaded == 2)
        let more = try importText(header + row(2) + row(3) + row(3), &connection)
        #expect(more.loaded == 1 && more.duplicates == 2)
        #expect(try count(&connection) == 3)
    }

    @Test(arguments: [1, 3, 7]) func aStoppedImportGoesOnWhereItWas(chunks: Int) throws {
        // Without external ids nothing but the recorded place keeps rows from being loaded twice.
        var connection = try TestDatabase.current.connect()
        let lines = (1...95).map { "u,b,user,\"text\n\($0)\",2024-05-06T07:08:09Z\n" }
        let text = "user_id,bot_name,role,content,created_at\n" + lines.joined()
        let error = #expect(throws: ImportError.self) {
            try importText(text, &connection, { $0.chunkRowsMax = 10 }, stopAfterChunks: chunks)
        }
        #expect(error?.kind == .interrupted)
        #expect(try count(&connection) == chunks * 10)
        let report = try importText(text, &connection) { $0.chunkRowsMax = 10 }
        #expect(report.loaded == 95 && report.resumedAtLine == Int64(2 + chunks * 20))
        let contents = try connection.textRows("select content from afterthought.messages order by id").map { $0[0] }
        #expect(contents == (1...95).map { "text\n\($0)" })
        #expect(try importText(text, &connection).wasAlreadyImported)
        #expect(try importText(text, &connection) { $0.again = true }.loaded == 95)
        #expect(try count(&connection) == 190)
    }

    @Test func aChunkOfAnotherImportIsNotRepeated() throws {
        var connection = try TestDatabase.current.connect()
        var other = try TestDatabase.current.connect()
        let text = header + (1...30).map { row($0) }.joined()
        var options = ImportOptions(.memory(name: "a.csv", bytes: Array(text.utf8)))
        options.chunkRowsMax = 10
        var importer = try Importer(options)
        var competitor = try Importer(options)
        var started = false
        let error = #expect(throws: ImportError.self) {
            _ = try importer.run(
                &connection,
                report: { progress in
                    if progress.phase == .loading, !started {
                        started = true
                        _ = try? competitor.run(&other)
                    }
                })
        }
        #expect(error?.kind == .busy)
        #expect(try count(&connection) == 30)
    }

    @Test func badRowsAreNamedAndTheRestIsLoaded() throws {
        var connection = try TestDatabase.current.connect()
        let scratch = try ScratchFolder()
        var bytes = Array(header.utf8)
        let long = String(repeating: "x", count: 65_537)
        let rows: [(String, String?)] = [
            (row(1), nil), ("m2,,b,user,x,2024-01-01T00:00:00Z\n", "user_id is empty"),
            ("m3,u,b,robot,x,2024-01-01T00:00:00Z\n", "role is none of user, assistant, bot, system"),
            ("m4,u,b,user,x,\n", "created_at is missing"),
            (
                "m5,u,b,user,x,yesterday\n",
                "created_at is no time: expected a year of four to six digits at byte 0 of the time"
            ),
            ("m6,u,b,user,x,1969-12-31T23:59:59Z\n", "created_at is before 1970-01-01"),
            ("m7,u,b,user,x,2099-01-01T00:00:00Z\n", "created_at is more than a day in the future"),
            ("m8,u,b,user,x,infinity\n", "created_at is more than a day in the future"),
            ("m9,u,b,user,\(long),2024-01-01T00:00:00Z\n", "content has 65537 bytes, more than 65536"),
            ("m10,u,b,user,a\0b,2024-01-01T00:00:00Z\n", "content holds a NUL at its byte 1"),
            ("m11,u,b,user,x\n", "expected 6 columns, got: 5"),
            ("m12,u,b,user,\"x\"y,2024-01-01T00:00:00Z\n", "text follows a closing quote"),
            (
                "m13,\(String(repeating: "u", count: 257)),b,user,x,2024-01-01T00:00:00Z\n",
                "user_id has 257 bytes, more than 256"
            ),
        ]
        for (text, _) in rows { bytes += text.utf8 }
        bytes += Array("m14,u,b,user,".utf8) + [0x66, 0xFF] + Array(",2024-01-01T00:00:00Z\n".utf8)
        let rejects = scratch.path + "/rejects.csv"
        var options = ImportOptions(.memory(name: "a.csv", bytes: bytes))
        options.rejectsPath = rejects
        options.chunkRowsMax = 4
        var importer = try Importer(options)
        let report = try importer.run(&connection)
        #expect(report.loaded == 1 && report.rejected == 13 && report.rejectsPath == rejects)
        var expected = "line,reason\n"
        for (index, entry) in rows.enumerated() {
            if let reason = entry.1 { expected += "\(index + 2),\"\(reason)\"\n" }
        }
        expected += "15,\"content is not valid UTF-8 at its byte 1\"\n"
        #expect(try String(contentsOfFile: rejects, encoding: .utf8) == expected)
    }

    @Test func aResumedImportWritesEachRejectionOnce() throws {
        var connection = try TestDatabase.current.connect()
        let scratch = try ScratchFolder()
        let rejects = scratch.path + "/rejects.csv"
        let text = header + (1...20).map { $0 % 3 == 0 ? "bad\n" : row($0) }.joined()
        let adjust = { (options: inout ImportOptions) in
            options.chunkRowsMax = 5
            options.rejectsPath = rejects
        }
        #expect(throws: ImportError.self) { try importText(text, &connection, adjust, stopAfterChunks: 2) }
        // What a killed run's uncommitted chunk may have left.
        let handle = try #require(FileHandle(forWritingAtPath: rejects))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("99,\"left over\"\n".utf8))
        try handle.close()
        let report = try importText(text, &connection, adjust)
        #expect(report.rejected == 6 && report.loaded == 14)
        let lines = try String(contentsOfFile: rejects, encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(lines == ["line,reason"] + [3, 6, 9, 12, 15, 18].map { "\($0 + 1),\"expected 6 columns, got: 1\"" })
    }

    @Test func aQuoteNeverClosedLoadsNothingAndNamesItsLine() throws {
        var connection = try TestDatabase.current.connect()
        let text = header + (1...50).map { row($0) }.joined() + "m,u,b,user,\"open\n" + row(99)
        let error = #expect(throws: ImportError.self) { try importText(text, &connection) { $0.chunkRowsMax = 10 } }
        #expect(
            error?.message == "expected the quote opened on line 52 to be closed before the end of the file, got: none")
        #expect(try count(&connection) == 0)
    }

    @Test func missingColumnsAreNamedWithWhatIsThere() throws {
        var connection = try TestDatabase.current.connect()
        let noBot = #expect(throws: ImportError.self) {
            try importText("user_id,role,content,created_at\n", &connection)
        }
        #expect(noBot?.message.contains("a column `bot_name`") == true && noBot?.hint.contains("--bot NAME") == true)
        let error = #expect(throws: ImportError.self) { try importText("author;text\n", &connection) }
        #expect(
            error?.message
                == "expected a column `user_id` in the header, got: `author;text` (columns are separated by commas)")
        #expect(throws: ImportError.self) { try importText("", &connection) }
    }

    @Test func shiftingMovesAllTimesByOneConstant() throws {
        var connection = try TestDatabase.current.connect()
        let text = header + row(1, at: "2020-01-01T00:00:00Z") + row(2, at: "2020-01-01T06:00:00Z")
        let report = try importText(text, &connection) { $0.shiftsToNow = true }
        #expect(report.shiftMicroseconds > 0)
        let rows = try connection.textRows(
            """
            select max(created_at) - min(created_at) = interval '6 hours', max(created_at) <= now(),
                now() - max(created_at) < interval '1 hour'
            from afterthought.messages
            """)
        #expect(rows == [["t", "t", "t"]])
    }
}

@Suite("Import without a database")
struct ImportReaderTests {
    /// All records of a file, as content texts, with the line each starts on.
    private func read(
        _ bytes: [UInt8], _ format: ImportFormat = .csv, readBytes: Int = 64, recordBytesMax: Int = 1000
    ) throws -> [String] {
        var mapping = ImportMapping(defaultBot: "b")
        mapping.map("c", to: .content)
        for column in [ImportColumn.userID, .role, .createdAt] { mapping.map("c\(column.rawValue)", to: column) }
        var reader = try ImportReader(
            file: try ImportFile(.memory(name: "x", bytes: bytes)), format: format, mapping: mapping,
            recordBytesMax: recordBytesMax, readBytes: readBytes)
        var record = ImportRecord()
        var found: [String] = []
        while true {
            switch try reader.next(into: &record) {
            case .end: return found
            case .rejected(let rejection): found.append("\(rejection.line)!\(rejection.reason)")
            case .record:
                let range = record.range(of: .content) ?? 0..<0
                found.append("\(record.line):" + String(decoding: record.bytes[range], as: UTF8.self))
            }
        }
    }

    @Test func recordsLargerThanAReadAndAtItsEdgesAreWhole() throws {
        // The read's edge falls on every place of quotes, line ends and doubled quotes in turn.
        for readBytes in 1...120 {
            let filler = String(repeating: "x", count: 90)
            let text = "c0,c2,c4,c\n1,2,3,\"\(filler)\"\n1,2,3,\"a\"\"\r\nb\"\r\n\n1,2,3,\"\"\n1,2,3,z"
            #expect(try read(Array(text.utf8), readBytes: readBytes) == ["2:\(filler)", "3:a\"\r\nb", "6:", "7:z"])
        }
    }

    @Test func aRecordWithoutEndIsGivenUp() {
        let quoted = "c0,c2,c4,c\n1,2,3,\"" + String(repeating: "x\n", count: 2000)
        let error = #expect(throws: ImportError.self) { try read(Array(quoted.utf8)) }
        #expect(error?.message == "expected the quote opened on line 2 to be closed within 1000 bytes, got: none")
        let plain = "c0,c2,c4,c\n1,2,3," + String(repeating: "x", count: 2000)
        #expect(throws: ImportError.self) { try read(Array(plain.utf8)) }
    }

    @Test func anEndlessLineOfJSONIsPassedOver() throws {
        let long = "{\"c\":\"" + String(repeating: "x", count: 9000) + "\"}\n"
        let text = "{\"c\":\"a\"}\n" + long + "{\"c\":\"b\"}\n[1]\nnull\n{\"c\":1}\nx\n{\"c\":\"é\"}"
        #expect(
            try read(Array(text.utf8), .jsonl) == [
                "1:a", "2!the line has more than 1000 bytes", "3:b", "4!the line is not a JSON object",
                "5!the line is not a JSON object", "6!content is not a string",
                "7!the line is no JSON: expected a value at byte 0 of the JSON text", "8:é",
            ])
    }

    @Test func randomFieldsSurviveQuoting() throws {
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0 ... .max, using: &generator)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let alphabet = Array("a,\"\n\r é")
        let contents = (0..<500).map { _ in String((0..<next(12)).map { _ in alphabet[next(alphabet.count)] }) }
        var text = "c0,c2,c4,c\n"
        for content in contents {
            text += "1,2,3,\"\(content.replacingOccurrences(of: "\"", with: "\"\""))\"\(next(2) == 0 ? "\n" : "\r\n")"
        }
        let found = try read(Array(text.utf8)).map { String($0.drop { $0 != ":" }.dropFirst()) }
        #expect(found == contents, "seed \(seed)")
    }

    @Test func formatsAreGuessed() {
        #expect(ImportFormat(path: "a.CSV", firstBytes: Array("{".utf8)) == .csv)
        #expect(ImportFormat(path: "a.ndjson", firstBytes: []) == .jsonl)
        #expect(ImportFormat(path: "a", firstBytes: Array("\u{FEFF} {\"a\":1}".utf8)) == .jsonl)
        #expect(ImportFormat(path: "a", firstBytes: Array("user_id,role".utf8)) == .csv)
    }

    @Test func foldersAndMissingFilesAreRefused() {
        #expect(throws: ImportError.self) { _ = try ImportFile(.file(path: "/tmp")) }
        #expect(throws: ImportError.self) { _ = try ImportFile(.file(path: "/nowhere/at/all.csv")) }
    }
}
