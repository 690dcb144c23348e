import Bytes
import Foundation
import Model
import Postgres
import Support
import Testing

/// What the views say of one pair.
private struct ViewedPair: Statement {
    static let name = "viewed_pair"
    static let sql = """
        select
            h.user_id::text, h.memory_snapshot, h.avg_memory_age_hours, h.retrieval_frequency_trend, h.null_reason,
            h.forgetting_risk_memories, c.predicted_switch_likelihood, b.high_retention_memories,
            b.low_retention_memories, e.receptivity_score, e.last_engagement_gap_hours, p.trait_evolution_history
        from afterthought.strategic_memory_health as h
        join afterthought.strategic_conversation_patterns as c using (user_id, bot_name)
        join afterthought.strategic_memory_behavior as b using (user_id, bot_name)
        join afterthought.strategic_engagement_opportunities as e using (user_id, bot_name)
        join afterthought.strategic_personality_profiles as p using (user_id, bot_name)
        """

    struct Row {
        var user: String
        var snapshot: JSONText?
        var age: Double?
        var trend: String?
        var reason: String?
        var risk: JSONText?
        var switching: Double?
        var high: JSONText?
        var low: JSONText?
        var receptivity: Double?
        var gap: Double?
        var history: JSONText?
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        Row(
            user: try row.decode(0), snapshot: try row.decode(1), age: try row.decode(2), trend: try row.decode(3),
            reason: try row.decode(4), risk: try row.decode(5), switching: try row.decode(6), high: try row.decode(7),
            low: try row.decode(8), receptivity: try row.decode(9), gap: try row.decode(10), history: try row.decode(11)
        )
    }
}

@Suite("C8 Views and projections agree", .database)
struct ViewsProjectionsTests {
    private func close(_ left: Double?, _ right: Double?) -> Bool {
        guard let left, let right else { return left == nil && right == nil }
        return abs(left - right) <= 1e-9 * max(1, abs(right))
    }

    private func same(_ json: JSONValue?, _ standings: [MemoryStanding]?) -> Bool {
        guard let list = json?.array, let standings else { return json == nil && standings == nil }
        return list.count == standings.count
            && zip(list, standings).allSatisfy { entry, standing in
                entry["id"]?.string == standing.id && entry["kind"]?.string == standing.kind
                    && entry["label"]?.string == standing.label && entry["reviews"]?.int64 == standing.reviews
                    && close(entry["retrievability"]?.double, standing.retrievability)
                    && close(entry["risk"]?.double, standing.risk)
                    && close(entry["age_hours"]?.double, standing.ageHours)
                    && close(entry["idle_hours"]?.double, standing.idleHours)
            }
    }

    private func parsed(_ text: JSONText?) throws -> JSONValue? { try text.map { try JSONValue(parsing: $0.text) } }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func onRandomRowsAtRandomMoments(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        var connection = try TestDatabase.current.connect()
        try ViewRows.prepare(&connection)
        try connection.execute("begin")
        let now = try #require(
            try connection.query(sql: "select now()") { try $0.decode(0, as: Timestamp.self) }.first)
        var rows: [String: AnchorRow] = [:]
        for index in 0..<150 {
            let row = AnchorRow.random(user: "u\(index)", now: now, &random)
            rows[row.user] = row
            try ViewRows.insert(&connection, user: row.user, row.columns)
        }
        let viewed = try connection.query(ViewedPair())
        try connection.execute("rollback")
        #expect(viewed.count == rows.count)
        for view in viewed { try compare(view, try #require(rows[view.user]), now, "seed \(seed), \(view.user)") }
    }

    private func compare(_ view: ViewedPair.Row, _ row: AnchorRow, _ now: Timestamp, _ which: Comment) throws {
        #expect(close(view.age, Projections.hours(since: row.firstSeenMean, at: now)), which)
        let trend = Projections.retrievalTrend(
            first: row.eventFirst, last: row.eventLast, fast: row.eventFast, slow: row.eventSlow, at: now)
        #expect(view.trend == trend.trend?.rawValue, which)
        if case .unknown(let reason) = trend { #expect(view.reason == "retrieval_frequency_trend: " + reason, which) }
        let switching = Projections.switchLikelihood(
            logit: row.switchLogit, gapWeight: row.switchGapWeight, lastMessageAt: row.lastMessageAt, at: now)
        #expect(close(view.switching, switching), which)
        #expect(close(view.receptivity, Projections.receptivity(row.receptivity, at: now)), which)
        #expect(close(view.gap, Projections.hours(since: row.receptivity.lastUserMessageAt, at: now)), which)
        #expect(try parsed(view.history) == row.history.map { .array(Projections.traitHistory($0, at: now)) }, which)
        let curve = ForgettingCurve(json: row.curve)
        let standings = row.candidates.map { Projections.standings($0, curve: curve, at: now) }
        let snapshot = standings.map(Projections.snapshot)
        let seen = try parsed(view.snapshot)
        #expect(same(seen?["stale"], snapshot?.stale), which)
        #expect(same(seen?["fresh"], snapshot?.fresh), which)
        #expect(same(try parsed(view.risk), standings.map(Projections.forgettingRisk)), which)
        let fitted = row.curve == nil ? nil : standings
        #expect(same(try parsed(view.high), fitted.map(Projections.highRetentionMemories)), which)
        #expect(same(try parsed(view.low), fitted.map(Projections.lowRetentionMemories)), which)
    }

    @Test func charactersAtRandomMoments() throws {
        var random = SeededGenerator(state: 4)
        var connection = try TestDatabase.current.connect()
        try Schema.apply(to: &connection)
        for _ in 0..<50 {
            let moment = Timestamp(
                microseconds: Int64.random(in: 1_600_000_000_000_000...1_700_000_000_000_000, using: &random))
            var entries: [String] = []
            for hour in (moment.hourIndex - 200)...moment.hourIndex where random.chance(0.4) {
                entries.append(#"{"h":\#(hour),"e":[\#(hour % 5),\#(hour % 700 * 1000)],"p":[1,250000]}"#)
            }
            let hours = "[" + entries.joined(separator: ",") + "]"
            for score in ["e", "s", "p"] {
                let seen = try connection.query(sql: "select afterthought.character_average($1, $2, 168, $3)") {
                    $0.append(JSONText(hours))
                    $0.append(score)
                    $0.append(moment)
                } decode: {
                    try $0.decode(0, as: Double?.self)
                }
                let expected = Projections.characterAverage(
                    hours: try JSONValue(parsing: hours), score: score, windowHours: 168, at: moment)
                #expect(close(seen[0], expected), "\(score) at \(moment)")
            }
        }
    }
}
