import Bytes
import Model
import Postgres

/// Upserts cache rows, set-based; a row whose content did not change is not written again.
struct SaveStrategicRows: Statement {
    static let name = "save_strategic_rows"

    /// A row with what its writer adds to it.
    struct Entry: Sendable {
        var shard: Int16
        var row: StrategicRow
    }

    var entries: [Entry]
    /// Generation of each entry's shard after the commit.
    var generations: [Int64]
    var identity: WorkerIdentity

    static let sql: String = {
        let names = columns.map(\.name)
        let keys = ["bot_name", "user_id"]
        let contents = names.filter { !keys.contains($0) && $0 != "generation" } + ["stale_reason"]
        return """
            insert into afterthought.strategic_cache as old
                (\(names.joined(separator: ", ")), engine_version, config_hash, computed_at, stale_reason)
            select new.*, $1, $2, now(), null
            from (\(given(firstParameter: 3))) as new
            on conflict (bot_name, user_id) do update
            set
                \(names.map { "\($0) = excluded.\($0)" }.joined(separator: ",\n    ")),
                engine_version = excluded.engine_version,
                config_hash = excluded.config_hash,
                computed_at = excluded.computed_at,
                stale_reason = null
            where
                (\((contents + ["engine_version", "config_hash"]).map { "old.\($0)" }.joined(separator: ", ")))
                is distinct from
                (\((contents + ["engine_version", "config_hash"]).map { "excluded.\($0)" }.joined(separator: ", ")))
            """
    }()

    func bind(to parameters: inout Parameters) {
        parameters.append(identity.engineVersion)
        parameters.append(identity.configHash)
        bindEntries(to: &parameters)
    }

    /// The query that makes rows of the table's columns of what `bindEntries` binds.
    static func given(firstParameter: Int) -> String {
        let names = columns.map(\.name).joined(separator: ", ")
        let sources = columns.map { column in column.cast.map { "\(column.name)::\($0)" } ?? column.name }
        let arrays = columns.enumerated().map { "$\($0.offset + firstParameter)::\($0.element.type)[]" }
        return """
            select \(sources.joined(separator: ", "))
            from unnest(\(arrays.joined(separator: ", "))) as given (\(names))
            """
    }

    func bindEntries(to parameters: inout Parameters) {
        for column in Self.columns { column.append(&parameters, self) }
    }

    /// One column: its name, the array's element type, the cast where an array of arrays is sent as text.
    struct Column: Sendable {
        var name: String
        var type: String
        var cast: String?
        var append: @Sendable (inout Parameters, SaveStrategicRows) -> Void
    }

    private static func text(_ name: String, _ member: @escaping @Sendable (StrategicRow) -> String?) -> Column {
        Column(name: name, type: "text") { $0.append($1.entries.map { member($0.row) }) }
    }

    private static func json(_ name: String, _ member: @escaping @Sendable (StrategicRow) -> String?) -> Column {
        Column(name: name, type: "jsonb") { $0.append($1.entries.map { member($0.row).map { JSONText($0) } }) }
    }

    private static func number(_ name: String, _ member: @escaping @Sendable (StrategicRow) -> Double?) -> Column {
        Column(name: name, type: "float8") { $0.append($1.entries.map { member($0.row) }) }
    }

    private static func integer(_ name: String, _ member: @escaping @Sendable (StrategicRow) -> Int64?) -> Column {
        Column(name: name, type: "bigint") { $0.append($1.entries.map { member($0.row) }) }
    }

    private static func time(_ name: String, _ member: @escaping @Sendable (StrategicRow) -> Timestamp?) -> Column {
        Column(name: name, type: "timestamptz") { $0.append($1.entries.map { member($0.row) }) }
    }

    /// An array column: sent as PostgreSQL's array text, because `unnest` would flatten an array of arrays.
    private static func list(
        _ name: String, cast: String, _ member: @escaping @Sendable (StrategicRow) -> [String]?
    ) -> Column {
        Column(name: name, type: "text", cast: cast) { parameters, statement in
            parameters.append(
                statement.entries.map { member($0.row).map { "{\($0.joined(separator: ","))}" } })
        }
    }

    static let columns: [Column] = [
        Column(name: "shard", type: "smallint") { $0.append($1.entries.map(\.shard)) },
        Column(name: "generation", type: "bigint") { $0.append($1.generations) },
        text("bot_name") { $0.pair.botName },
        text("user_id") { $0.pair.userID },
        time("reflects_through") { $0.reflectsThrough },
        integer("messages_reflected") { $0.messagesReflected },
        json("null_reasons") { nullReasons($0) },
        list("unvalidated", cast: "text[]") { $0.unvalidated.map(\.rawValue).sorted() },
        json("memory_candidates") { $0.memoryCandidates },
        time("memory_first_seen_mean") { $0.memoryFirstSeenMean },
        time("memory_event_first") { $0.memoryEventFirst },
        time("memory_event_last") { $0.memoryEventLast },
        number("memory_event_fast") { $0.memoryEventFast },
        number("memory_event_slow") { $0.memoryEventSlow },
        number("topic_drift") { $0.topicDrift },
        json("forgetting_curve") { $0.forgettingCurve },
        number("recall_simulation_score") { $0.recallSimulationScore },
        json("recent_topics") { $0.recentTopics },
        number("average_topic_duration_minutes") { $0.averageTopicDurationMinutes },
        number("context_switch_frequency") { $0.contextSwitchFrequency },
        number("switch_logit") { $0.switchLogit },
        number("switch_gap_weight") { $0.switchGapWeight },
        time("last_message_at") { $0.lastMessageAt },
        json("topic_transition_graph") { $0.topicTransitionGraph },
        text("communication_style") { $0.communicationStyle },
        json("style_features") { $0.styleFeatures },
        text("preferred_depth") { $0.preferredDepth },
        number("emotional_engagement") { $0.emotionalEngagement },
        integer("optimal_response_length") { $0.optimalResponseLength },
        json("dominant_traits") { $0.dominantTraits },
        json("user_response_patterns") { $0.userResponsePatterns },
        json("adaptation_suggestions") { $0.adaptationSuggestions },
        json("trait_history") { $0.traitHistory },
        json("optimal_timing_hours") { $0.optimalTimingHours },
        number("receptivity_intercept") { $0.receptivityIntercept },
        number("receptivity_recency_weight") { $0.receptivityRecencyWeight },
        list("receptivity_hour_logits", cast: "float8[]") { $0.receptivityHourLogits?.map { "\($0)" } },
        time("last_user_message_at") { $0.lastUserMessageAt },
        json("suggested_topics") { $0.suggestedTopics },
        number("proactive_success_rate") { $0.proactiveSuccessRate },
        time("last_outreach_at") { $0.lastOutreachAt },
        number("outreach_fatigue") { $0.outreachFatigue },
        number("proactive_success_low") { $0.proactiveSuccessLow },
        number("proactive_success_high") { $0.proactiveSuccessHigh },
        number("expected_return_hours") { $0.expectedReturnHours },
        json("outreach_times") { $0.outreachTimes },
    ]

    /// The reasons as a JSON object, ordered by engine.
    static func nullReasons(_ row: StrategicRow) -> String {
        var json = JSONWriter()
        json.beginObject()
        for (engine, reason) in row.nullReasons.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            json.key(engine.rawValue)
            json.value(reason)
        }
        json.endObject()
        return json.text
    }
}
