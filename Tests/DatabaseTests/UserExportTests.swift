import Foundation
import Postgres
import Support
import Testing

@testable import Store

@Suite("A user's data by the command line", .database)
struct UserExportTests {
    private static let user = "exportee'7\"x\\"

    private func lines(_ text: String) throws -> [(table: String, row: [String: Any])] {
        try text.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return (object?["table"] as? String ?? "", object?["row"] as? [String: Any] ?? [:])
        }
    }

    @Test("export has rows of every table that erase deletes from, as they are, and of nobody else")
    func roundTrip() throws {
        var connection = try TestDatabase.current.connect()
        let content = "line one\nline \"two\" \\ \u{1}\u{2} zażółć 🦊"
        try UserFixture.fill(&connection, user: Self.user, marker: content)
        try UserFixture.fill(&connection, user: "other", marker: "othermarker")
        let url = TestDatabase.current.url
        let run = try Program.run(["export", "--database-url", url, "--", Self.user])
        #expect(run.status == 0, "\(run.errors)")
        let rows = try lines(run.output)
        let exported = Set(UserTable.all.filter(\.isExported).map(\.name))
        #expect(Set(rows.map(\.table)) == exported)
        #expect(!run.output.contains("othermarker") && run.errors.hasPrefix("exported \(rows.count) rows of "))
        let messages = rows.filter { $0.table == "messages" }
        #expect(messages.count == 3)
        #expect(messages.allSatisfy { $0.row["content"] as? String == content + " about sailing" })
        for table in UserTable.all where table.isExported {
            for row in rows where row.table == table.name && ["user_id", "unit_id"].contains(table.columns.first) {
                #expect(row.row[table.columns[0]] as? String == Self.user, "\(table.name)")
            }
        }

        let scratch = try ScratchFolder()
        let path = scratch.path + "/out.jsonl"
        let words = ["export", "--output", path, "--database-url", url, "--", Self.user]
        #expect(try Program.run(words).status == 0)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try lines(String(contentsOfFile: path, encoding: .utf8)).count == rows.count)
        let second = try Program.run(words)
        #expect(second.status == 65 && second.errors.contains("expected `\(path)` to be a file that can be made"))
    }

    @Test("erase shows first, does it with --yes, and neither names the user")
    func eraseCommand() throws {
        var connection = try TestDatabase.current.connect()
        try UserFixture.fill(&connection, user: "erasee")
        let url = TestDatabase.current.url
        let preview = try Program.run(["erase", "erasee", "--database-url", url])
        #expect(preview.status == 0 && preview.output.contains("nothing was changed; --yes erases these rows"))
        #expect(try connection.textRows("select count(*) from afterthought.messages") == [["3"]])
        let run = try Program.run(["erase", "erasee", "--yes", "--json", "--database-url", url])
        #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
        let json = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
        #expect(json?["erased"] as? Bool == true && (json?["user_hash"] as? String)?.count == 64)
        #expect((json?["rows"] as? [String: Int])?["messages"] == 3)
        #expect(!run.output.contains("erasee"))
        #expect(try connection.textRows("select count(*) from afterthought.messages") == [["0"]])
        let nobody = try Program.run(["erase", "erasee", "--database-url", url])
        #expect(nobody.output.hasPrefix("nothing is stored of this user"))
        #expect(try Program.run(["erase", "", "--yes", "--database-url", url]).status == 64)
    }

    @Test("an agent whose prompt shows the user's words is pointed out")
    func promptsInUse() throws {
        var connection = try TestDatabase.current.connect()
        try UserFixture.fill(&connection, user: "erasee")
        try connection.execute(
            "update afterthought.agents set prompt = (select prompt from afterthought.prompt_variants)")
        let run = try Program.run(["erase", "erasee", "--yes", "--database-url", TestDatabase.current.url])
        #expect(run.status == 0 && run.errors.hasPrefix("1 agents run on a prompt"), "\(run.errors)")
    }
}

@Suite("Quarantine by the command line", .database)
struct QuarantineCommandTests {
    @Test func listAndRetry() throws {
        var connection = try TestDatabase.current.connect()
        let url = TestDatabase.current.url
        #expect(
            try Program.run(["quarantine", "--database-url", url]).output == "nobody is in quarantine\n")
        try connection.execute(
            """
            insert into afterthought.quarantine (
                shard, bot_name, user_id, reason, error, attempts, first_failed_at, next_attempt_at)
            select afterthought.shard_of(u, 'b'), 'b', u, 'state_too_large', 'expected less, got: more', 4,
                '2026-01-02 03:04:05+00', now() + interval '1 day'
            from unnest(array['u1', 'u2', 'u3']) as u
            """)
        let list = try Program.run(["quarantine", "list", "--json", "--database-url", url])
        let rows = try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]] ?? []
        #expect(rows.map { $0["user_id"] as? String } == ["u1", "u2", "u3"])
        #expect(rows[0]["attempts"] as? Int == 4 && rows[0]["reason"] as? String == "state_too_large")
        #expect((rows[0]["since"] as? String)?.hasPrefix("2026-01-02T03:04:05") == true)
        let text = try Program.run(["quarantine", "--database-url", url]).output
        #expect(text.contains("state_too_large") && text.contains("expected less, got: more"))
        func due() throws -> [String?] {
            try connection.textRows(
                "select user_id from afterthought.quarantine where next_attempt_at <= now() order by 1"
            ).map { $0[0] }
        }
        let one = try Program.run(["quarantine", "retry", "u2", "b", "--database-url", url])
        #expect(one.status == 0 && one.output == "1 to be tried again by the next cycle\n")
        #expect(try due() == ["u2"])
        #expect(try Program.run(["quarantine", "retry", "b", "u2", "--database-url", url]).status == 65)
        #expect(try Program.run(["quarantine", "retry", "--database-url", url]).status == 64)
        #expect(try Program.run(["quarantine", "revive", "--database-url", url]).status == 64)
        #expect(try Program.run(["quarantine", "retry", "--all", "--database-url", url]).status == 0)
        #expect(try due() == ["u1", "u2", "u3"])
    }
}
