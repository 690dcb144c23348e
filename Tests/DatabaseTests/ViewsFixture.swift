import Bytes
import Model
import Postgres
import Support
import Foundation

@testable import StrategicCache

/// A small random generator, so that a failing case can be repeated from its seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return StableHash.mix(state)
    }

    mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &self) < share }
}

/// A row of random anchors, as Swift values and as SQL.
struct AnchorRow {
    var user: String
    var columns: [String: String] = [:]
    var candidates: [MemoryCandidate]?
    var curve: JSONValue?
    var history: JSONValue?
    var firstSeenMean: Timestamp?
    var eventFirst: Timestamp?
    var eventLast: Timestamp?
    var eventFast: Double?
    var eventSlow: Double?
    var switchLogit: Double?
    var switchGapWeight: Double?
    var lastMessageAt: Timestamp?
    var receptivity = Projections.ReceptivityAnchors()

    static func random(user: String, now: Timestamp, _ random: inout SeededGenerator) -> AnchorRow {
        var row = AnchorRow(user: user)
        func moment(_ random: inout SeededGenerator) -> Timestamp? {
            if random.chance(0.1) { return nil }
            if random.chance(0.05) { return random.chance(0.5) ? .infinity : .negativeInfinity }
            // From a few minutes ahead to decades ago, evenly in the logarithm.
            let seconds = pow(10, Double.random(in: 0...9.2, using: &random)) - 300
            return now.advanced(bySeconds: -seconds)
        }
        func number(_ range: ClosedRange<Double>, _ random: inout SeededGenerator) -> Double? {
            if random.chance(0.1) { return nil }
            if random.chance(0.05) { return random.chance(0.5) ? 1e300 : -1e300 }
            return Double.random(in: range, using: &random)
        }
        row.firstSeenMean = moment(&random)
        row.eventFirst = moment(&random)
        row.eventLast = moment(&random)
        row.eventFast = random.chance(0.1) ? nil : Double.random(in: 0...20, using: &random)
        row.eventSlow = random.chance(0.1) ? nil : Double.random(in: 0...60, using: &random)
        row.switchLogit = number(-5...5, &random)
        row.switchGapWeight = number(-1...1, &random)
        row.lastMessageAt = moment(&random)
        row.receptivity.intercept = number(-5...5, &random)
        row.receptivity.recencyWeight = number(-1...1, &random)
        row.receptivity.hourLogits =
            random.chance(0.1)
            ? nil : (0..<(random.chance(0.1) ? 23 : 24)).map { _ in Double.random(in: -2...2, using: &random) }
        row.receptivity.lastUserMessageAt = moment(&random)
        row.receptivity.outreachFatigue = number(0...3, &random)
        row.receptivity.lastOutreachAt = moment(&random)
        row.addMemories(now, &random)
        row.addHistory(now, &random)
        row.fillColumns()
        return row
    }

    private mutating func addMemories(_ now: Timestamp, _ random: inout SeededGenerator) {
        if random.chance(0.9) {
            candidates = (0..<Int.random(in: 0...16, using: &random)).map { index in
                let first = now.seconds - Double.random(in: -300...1e8, using: &random)
                // Few different values, so that ties happen.
                let last = first + Double(Int.random(in: 0...4, using: &random)) * 86_400
                return MemoryCandidate(
                    id: "m\(index ^ 5)", kind: index % 2 == 0 ? "topic" : nil,
                    label: index % 3 == 0 ? nil : "Zoë \(index)",
                    first: random.chance(0.3) ? 1e9 : first, last: random.chance(0.3) ? 1e9 : last,
                    stability: random.chance(0.1) ? 0 : Double(Int.random(in: 1...30, using: &random)) / 4,
                    reviews: Int64(index))
            }
        }
        let curves = [
            nil, #"{"decay": -0.5, "factor": 0.2346, "stability_multiplier": 1.7}"#, #"{"decay": -0.2}"#, "{}",
            #"{"decay": 0.5}"#, #"{"decay": -90, "factor": 30}"#,
            #"{"decay": -0.3, "factor": -1, "stability_multiplier": 0}"#,
        ]
        curve = curves.randomElement(using: &random)!.map { try! JSONValue(parsing: $0) }
    }

    private mutating func addHistory(_ now: Timestamp, _ random: inout SeededGenerator) {
        if random.chance(0.2) { return }
        history = .array(
            (0..<Int.random(in: 0...60, using: &random)).reversed().map { day in
                let date = String(now.advanced(bySeconds: Double(day) * -86_400).rfc3339.prefix(10))
                return .object([JSONMember(key: "date", value: .string(date))])
            })
    }

    private mutating func fillColumns() {
        func literal(_ value: Timestamp?) -> String { value.map { "'\($0.rfc3339)'" } ?? "null" }
        func literal(_ value: Double?) -> String { value.map { "'\($0)'" } ?? "null" }
        func literal(_ value: JSONValue?) -> String {
            value.map { json in
                var writer = JSONWriter()
                writer.value(json)
                return "'\(writer.text)'"
            } ?? "null"
        }
        columns["memory_first_seen_mean"] = literal(firstSeenMean)
        columns["memory_event_first"] = literal(eventFirst)
        columns["memory_event_last"] = literal(eventLast)
        columns["memory_event_fast"] = literal(eventFast)
        columns["memory_event_slow"] = literal(eventSlow)
        columns["switch_logit"] = literal(switchLogit)
        columns["switch_gap_weight"] = literal(switchGapWeight)
        columns["last_message_at"] = literal(lastMessageAt)
        columns["receptivity_intercept"] = literal(receptivity.intercept)
        columns["receptivity_recency_weight"] = literal(receptivity.recencyWeight)
        columns["receptivity_hour_logits"] =
            receptivity.hourLogits.map { "array[\($0.map(\.description).joined(separator: ","))]::float8[]" } ?? "null"
        columns["last_user_message_at"] = literal(receptivity.lastUserMessageAt)
        columns["outreach_fatigue"] = literal(receptivity.outreachFatigue)
        columns["last_outreach_at"] = literal(receptivity.lastOutreachAt)
        columns["forgetting_curve"] = literal(curve)
        columns["trait_history"] = literal(history)
        columns["memory_candidates"] = literal(candidates.map { JSONValue.array($0.map(\.json)) })
    }
}

extension MemoryCandidate {
    var json: JSONValue {
        .object([
            JSONMember(key: "id", value: .string(id)),
            JSONMember(key: "kind", value: kind.map(JSONValue.string) ?? .null),
            JSONMember(key: "label", value: label.map(JSONValue.string) ?? .null),
            JSONMember(key: "first", value: .number(JSONNumber(first))),
            JSONMember(key: "last", value: .number(JSONNumber(last))),
            JSONMember(key: "stability", value: .number(JSONNumber(stability))),
            JSONMember(key: "reviews", value: reviews.map { .number(JSONNumber($0)) } ?? .null),
        ])
    }
}

/// Inserts rows for the view tests.
enum ViewRows {
    /// Verifies every shard now, under version 1 and configuration `c`.
    static func prepare(_ connection: inout Connection) throws {
        try Schema.apply(to: &connection)
        try connection.execute(
            "update afterthought.shard_progress set verified_at = now(), engine_version = 1, config_hash = 'c'")
    }

    /// Inserts a row with SQL expressions for its columns over sensible ones.
    static func insert(
        _ connection: inout Connection, user: String, bot: String = "elena", _ columns: [String: String] = [:]
    ) throws {
        var values = [
            "computed_at": "now()", "generation": "1", "messages_reflected": "3", "engine_version": "1",
            "config_hash": "'c'", "null_reasons": "'{}'", "unvalidated": "'{}'", "bot_name": "'\(bot)'",
            "user_id": "'\(user)'", "shard": "afterthought.shard_of('\(user)', '\(bot)')",
        ]
        values.merge(columns) { $1 }
        let names = values.keys.sorted()
        try connection.execute(
            """
            insert into afterthought.strategic_cache (\(names.joined(separator: ", ")))
            values (\(names.map { values[$0]! }.joined(separator: ", ")))
            """)
    }
}
