import Bytes
import CReader
import Foundation
import Postgres
import ReaderABI
import Support
import Testing

@Suite("The reader's C interface says what SQL says", .database)
struct AnswerTests {
    /// Where two answers differ, numbers compared with a tolerance: the moments of reading are not the same.
    private static func differences(_ ours: JSONValue?, _ theirs: JSONValue?, _ path: String) -> [String] {
        switch (ours ?? .null, theirs ?? .null) {
        case (.null, .null): return []
        case (.number(let left), .number(let right)):
            // Twenty seconds of an hour, or a part of a thousand.
            let isClose = abs(left.double - right.double) <= max(0.006, abs(right.double) * 1e-3)
            return isClose ? [] : ["\(path): \(left.double), \(right.double)"]
        case (.array(let left), .array(let right)):
            if left.count != right.count { return ["\(path): \(left.count) elements, \(right.count)"] }
            return zip(left, right).enumerated().flatMap { differences($1.0, $1.1, "\(path)[\($0)]") }
        case (.object(let left), .object(let right)):
            let names = Set(left.map(\.key)).union(right.map(\.key))
            return names.sorted().flatMap { name -> [String] in
                let hasBoth = left.contains { $0.key == name } && right.contains { $0.key == name }
                if !hasBoth { return ["\(path).\(name): missing in one"] }
                return differences(ours?[name], theirs?[name], "\(path).\(name)")
            }
        case (.string(let left), .string(let right)):
            if left == right { return [] }
            let moments = [left, right].map { try? Timestamp(text: $0) }
            if moments[0] != nil, moments[0] == moments[1] { return [] }
            return ["\(path): texts differ"]
        case (let left, let right): return left == right ? [] : ["\(path): \(left), \(right)"]
        }
    }

    /// Puts a part of the sample into the database and runs a worker over it.
    private func process(pairs: Int) async throws -> TestDatabase {
        let database = TestDatabase.current
        var connection = try database.connect()
        var rows = SampleRows.ofPairs(pairs)
        // As if the newest were a minute old, so that ages are those of a living conversation.
        let clock = try connection.textRows("select extract(epoch from now())::bigint")[0][0]
        let now = try #require(clock.flatMap { Int64($0) })
        let newest = try #require(rows.map(\.createdAt.microseconds).max())
        for index in rows.indices {
            rows[index].createdAt.microseconds += (now - 60) * 1_000_000 - newest
        }
        try SampleRows.insert(rows, into: &connection)
        try await Workbench.runOnce(database.options)
        return database
    }

    @Test func everySignalOfRealPairsIsTheSame() async throws {
        let database = try await process(pairs: 12)
        var connection = try database.connect()
        let caller = CCaller.open(database.url).caller
        defer { caller.close() }
        #expect(caller.wait() == AFTERTHOUGHT_READER_OK)
        let rows = try connection.textRows(
            """
            select c.user_id, c.bot_name, (to_jsonb(r) - 'expires_at')::text, afterthought.prompt_digest(
                c.user_id, c.bot_name, 2000)
            from afterthought.strategic_cache as c, afterthought.read_strategic(c.user_id, c.bot_name) as r
            """)
        #expect(rows.count == 12)
        for row in rows {
            let user = try #require(row[0])
            let bot = try #require(row[1])
            // The bot's row comes with the first read, or the keeper's next turn.
            let answer = caller.read(user, bot)
            #expect(answer.status == AFTERTHOUGHT_READER_OK)
            #expect(answer.reading.freshness == AFTERTHOUGHT_READER_FRESH)
            #expect(answer.reading.age_seconds >= 0 && answer.reading.age_seconds < 300)
            let ours = try #require(answer.json)
            var theirs = try JSONValue(parsing: try #require(row[2]))
            theirs = Self.aligned(theirs)
            #expect(ours["fallback"] == .null)
            guard case .object(var members) = ours else { return }
            members.removeAll { $0.key == "fallback" }
            let found = Self.differences(.object(members), theirs, "")
                .filter { !$0.hasPrefix(".age_seconds") }
            #expect(found == [], "\(bot)")
            #expect(ours["messages_reflected"]?.int64 == answer.reading.messages_reflected)
            // Percentages are of a moment, and the moments differ.
            let digits = Set("0123456789")
            let digest = caller.digest(user, bot, charactersMax: 2000).text
            #expect(digest.filter { !digits.contains($0) } == row[3]?.filter { !digits.contains($0) })
        }
    }

    /// What SQL says without the members that the reader leaves out.
    private static func aligned(_ value: JSONValue) -> JSONValue {
        guard case .object(var members) = value else { return value }
        for index in members.indices where members[index].key == "signals" {
            guard case .object(var signals) = members[index].value else { continue }
            for place in signals.indices where signals[place].key == "character_performance" {
                guard case .object(var character) = signals[place].value else { continue }
                character.removeAll { $0.key == "expires_at" }
                signals[place].value = .object(character)
            }
            members[index].value = .object(signals)
        }
        return .object(members)
    }

    @Test func staleSaysItsAgeAndMissingIsAFallback() async throws {
        let database = try await process(pairs: 1)
        var connection = try database.connect()
        try connection.execute(
            """
            update afterthought.strategic_cache
            set stale_reason = 'quarantined', computed_at = now() - interval '2 hours'
            """)
        let pair = try #require(SampleRows.ofPairs(1).first?.pair)
        let caller = CCaller.open(database.url, "{\"serves_hits\":false,\"pool_size\":1}").caller
        defer { caller.close() }
        #expect(caller.wait() == AFTERTHOUGHT_READER_OK)
        let stale = caller.read(pair.userID, pair.botName)
        #expect(stale.reading.freshness == AFTERTHOUGHT_READER_STALE)
        #expect(stale.reading.age_seconds >= 7200 && stale.reading.age_seconds < 10_000)
        #expect(stale.json?["freshness"]?.string == "stale")
        #expect(stale.json?["stale_reason"]?.string == "quarantined")
        let missing = caller.read("nobody", pair.botName)
        #expect(missing.reading.freshness == AFTERTHOUGHT_READER_FALLBACK)
        #expect(missing.json?["fallback"]?["memory_health"] != nil)
    }

    @Test func aLockedTableIsAnsweredWithinTheDeadline() async throws {
        let database = try await process(pairs: 1)
        let pair = try #require(SampleRows.ofPairs(1).first?.pair)
        let caller = CCaller.open(database.url, "{\"serves_hits\":false}").caller
        defer { caller.close() }
        #expect(caller.wait() == AFTERTHOUGHT_READER_OK)
        #expect(caller.read(pair.userID, pair.botName).reading.freshness == AFTERTHOUGHT_READER_FRESH)
        var connection = try database.connect()
        try connection.execute("begin; lock table afterthought.strategic_cache in access exclusive mode")
        // It returns at all, with the row that it knew: how soon is measured by `make clients`.
        let answer = caller.read(pair.userID, pair.botName, deadline: 50)
        #expect(answer.status == AFTERTHOUGHT_READER_OK)
        #expect(answer.reading.freshness == AFTERTHOUGHT_READER_STALE)
        #expect(answer.reading.messages_reflected > 0)
        try connection.execute("rollback")
    }
}
