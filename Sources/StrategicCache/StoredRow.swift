import Bytes
import Model
import Postgres

/// The scalars of a pair's row and its JSON texts, still unread.
struct RowContent: Sendable {
    /// The JSON columns, in the order in which the statement selects them.
    enum Document: Int, CaseIterable {
        case nullReasons, memoryCandidates, forgettingCurve, recentTopics, topicTransitionGraph, styleFeatures
        case dominantTraits, userResponsePatterns, adaptationSuggestions, traitHistory, optimalTimingHours
        case suggestedTopics, outreachTimes
    }

    var databaseNow: Timestamp
    var shard: Int16
    var engineVersion: Int32
    var configHash: String
    var staleReason: String?
    var computedAt: Timestamp
    var reflectsThrough: Timestamp?
    var messagesReflected: Int64
    var unvalidated: [String]
    var memoryFirstSeenMean: Timestamp?
    var memoryEventFirst: Timestamp?
    var memoryEventLast: Timestamp?
    var memoryEventFast: Double?
    var memoryEventSlow: Double?
    var topicDrift: Double?
    var recallSimulationScore: Double?
    var averageTopicDurationMinutes: Double?
    var contextSwitchFrequency: Double?
    var switchLogit: Double?
    var switchGapWeight: Double?
    var lastMessageAt: Timestamp?
    var emotionalEngagement: Double?
    var optimalResponseLength: Int64?
    var proactiveSuccessRate: Double?
    var proactiveSuccessLow: Double?
    var proactiveSuccessHigh: Double?
    var expectedReturnHours: Double?
    var communicationStyle: String?
    var preferredDepth: String?
    var receptivity = Projections.ReceptivityAnchors()
    var rule = OutreachRule()
    /// What the clock of the rule's zone shows; set by the reader.
    var zone: ZoneOffsets?
    /// The bytes of all documents one after another, and where each ends; a null document is empty.
    var documents: [UInt8] = []
    var documentEnds: [Int] = []

    /// A document's JSON text; nil for null.
    func text(_ document: Document) -> String? {
        let range = range(of: document)
        return range.isEmpty ? nil : String(decoding: documents[range], as: UTF8.self)
    }

    /// A document, parsed; nil for null and for what is no JSON.
    ///
    /// - Complexity: O(n) in its bytes, at every call.
    func json(_ document: Document) -> JSONValue? {
        let range = range(of: document)
        if range.isEmpty { return nil }
        return try? JSONValue(parsing: Array(documents[range]))
    }

    private func range(of document: Document) -> Range<Int> {
        let index = document.rawValue
        return (index == 0 ? 0 : documentEnds[index - 1])..<documentEnds[index]
    }
}

/// Reads a pair's row by its primary key, while there are no rules of writing first.
struct ReadRowAlone: Statement {
    static let name = "reader_row_alone"
    static let sql = ReadRow.rowOnlySQL

    var pair: Pair

    func bind(to parameters: inout Parameters) { ReadRow(pair: pair).bind(to: &parameters) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> RowContent { try ReadRow.decode(row) }
}

/// Whether there are rules of writing first.
struct ReadHasRules: Statement {
    static let name = "reader_has_rules"
    static let sql = "select exists (select from afterthought.outreach_rules)"

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Bool { try row.decode(0) }
}

/// Reads a pair's row by its primary key, with the rules of writing first that hold for it.
struct ReadRow: Statement {
    static let name = "reader_row"
    static let sql = text(
        rules: """
            array(
                select r.packed from afterthought.outreach_rules as r
                where r.user_id = any(array['', $2]) and r.bot_name = any(array['', $1])
            )
            """)
    /// The row by itself, while there are no rules at all.
    static let rowOnlySQL = text(rules: "'{}'::text[]")

    /// The statement with a way to get the rules of writing first: up to four rows by primary key, of which a join for
    /// each would cost three times as much.
    private static func text(rules: String) -> String {
        """
        select
            now(), shard, engine_version, config_hash, stale_reason, computed_at, reflects_through, messages_reflected,
            unvalidated, memory_first_seen_mean, memory_event_first, memory_event_last, memory_event_fast,
            memory_event_slow, topic_drift, recall_simulation_score, average_topic_duration_minutes,
            context_switch_frequency, switch_logit, switch_gap_weight, last_message_at, emotional_engagement,
            optimal_response_length, proactive_success_rate, communication_style, preferred_depth,
            receptivity_intercept, receptivity_recency_weight, receptivity_hour_logits, last_user_message_at,
            outreach_fatigue, last_outreach_at, proactive_success_low, proactive_success_high, expected_return_hours,
            \(rules),
            null_reasons, memory_candidates, forgetting_curve, recent_topics, topic_transition_graph, style_features,
            dominant_traits, user_response_patterns, adaptation_suggestions, trait_history, optimal_timing_hours,
            suggested_topics, outreach_times
        from afterthought.strategic_cache
        where bot_name = $1 and user_id = $2
        """
    }

    private static let firstDocument = 36

    var pair: Pair

    func bind(to parameters: inout Parameters) {
        parameters.append(pair.botName)
        parameters.append(pair.userID)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> RowContent {
        var content = RowContent(
            databaseNow: try row.decode(0), shard: try row.decode(1), engineVersion: try row.decode(2),
            configHash: try row.decode(3), staleReason: try row.decode(4), computedAt: try row.decode(5),
            reflectsThrough: try row.decode(6), messagesReflected: try row.decode(7), unvalidated: try row.decode(8))
        content.memoryFirstSeenMean = try row.decode(9)
        content.memoryEventFirst = try row.decode(10)
        content.memoryEventLast = try row.decode(11)
        content.memoryEventFast = try row.decode(12)
        content.memoryEventSlow = try row.decode(13)
        content.topicDrift = try row.decode(14)
        content.recallSimulationScore = try row.decode(15)
        content.averageTopicDurationMinutes = try row.decode(16)
        content.contextSwitchFrequency = try row.decode(17)
        content.switchLogit = try row.decode(18)
        content.switchGapWeight = try row.decode(19)
        content.lastMessageAt = try row.decode(20)
        content.emotionalEngagement = try row.decode(21)
        content.optimalResponseLength = try row.decode(22)
        content.proactiveSuccessRate = try row.decode(23)
        content.communicationStyle = try row.decode(24)
        content.preferredDepth = try row.decode(25)
        content.receptivity.intercept = try row.decode(26)
        content.receptivity.recencyWeight = try row.decode(27)
        content.receptivity.hourLogits = try row.decode(28)
        content.receptivity.lastUserMessageAt = try row.decode(29)
        content.receptivity.outreachFatigue = try row.decode(30)
        content.receptivity.lastOutreachAt = try row.decode(31)
        content.proactiveSuccessLow = try row.decode(32)
        content.proactiveSuccessHigh = try row.decode(33)
        content.expectedReturnHours = try row.decode(34)
        let rules = try row.decode(35, as: [String].self)
        if !rules.isEmpty { content.rule = OutreachRule(packed: rules) }
        appendDocuments(row, to: &content)
        return content
    }

    /// Copies the JSON columns into one run of bytes, without parsing and with one allocation.
    private static func appendDocuments(_ row: borrowing RowReader, to content: inout RowContent) {
        var bytes: [UInt8] = []
        var ends: [Int] = []
        bytes.reserveCapacity(2048)
        ends.reserveCapacity(RowContent.Document.allCases.count)
        for index in 0..<RowContent.Document.allCases.count {
            // The first byte of binary jsonb is its version.
            row.withBytes(firstDocument + index) { cell in
                unsafe cell.withUnsafeBufferPointer { whole in
                    unsafe bytes.append(contentsOf: UnsafeBufferPointer(rebasing: whole.dropFirst()))
                }
            }
            ends.append(bytes.count)
        }
        content.documents = bytes
        content.documentEnds = ends
    }
}

/// A pair's row as it was read, with what may be said of it later: immutable, shared by every view of it.
final class StoredRow: Sendable {
    let pair: Pair
    let content: RowContent
    /// Boot-time nanoseconds from before the query was sent.
    let readAt: UInt64
    /// Boot-time nanoseconds until which it may be called fresh; 0: not fresh at all.
    let freshUntil: UInt64
    /// Everything committed before it is reflected.
    let completeThrough: Timestamp

    init(pair: Pair, content: RowContent, readAt: UInt64, verdict: Watermarks.Verdict?) {
        self.pair = pair
        self.content = content
        self.readAt = readAt
        freshUntil = verdict?.freshUntil ?? 0
        completeThrough = verdict?.completeThrough ?? content.computedAt
    }

    /// The database's time at a reading of the boot-time clock; a little ahead of it, never behind.
    func moment(at now: UInt64) -> Timestamp {
        let passed = Int64(min((now > readAt ? now - readAt : 0) / 1000, UInt64(Int64.max / 4)))
        return Timestamp(microseconds: content.databaseNow.microseconds + passed)
    }
}

extension StrategicCache {
    /// The statement of a read, so that benchmarks can run the same one without the rest.
    package static var readSQL: String { ReadRow.rowOnlySQL }
}
