import Bytes
import Engines
import Model
import Postgres
import Store
import Worker

extension Command {
    /// Where a number comes from.
    static let explain = Command(
        name: "explain", summary: "show where one signal comes from: formula, inputs, value recomputed",
        details: [
            "COLUMN is a column of one of the views of pairs, such as receptivity_score. The value is computed again "
                + "from the pair's whole history and shown beside the cached one, both at the same moment; each of the "
                + "newest inputs is left out once, to find those that the value hangs on. Texts are never shown, only "
                + "ids. Nothing is changed.",
            "With an empty USER, COLUMN is one of the bot's own, such as quality_trend: its value is computed again "
                + "from the bot's hourly buckets, whose measures are listed.",
        ],
        arguments: [
            Argument(name: "USER", help: "the user's id; '' for a signal of the bot alone"),
            Argument(name: "BOT", help: "the bot's name"),
            Argument(name: "COLUMN", help: "the signal"),
        ],
        options: [
            Option(
                name: "inputs", value: "N", help: "how many of the newest inputs are left out, one by one (default 20)",
                check: .integer(0...10_000)),
            Option.json,
        ],
        examples: [
            "explain u42 elena receptivity_score", "explain u42 elena recent_topics --inputs 100 --json",
            "explain '' elena quality_trend",
        ],
        body: .blocking { invocation in
            let column = invocation.arguments[2]
            if invocation.arguments[0].isEmpty { return try explainBot(invocation, column) }
            guard let explanation = SignalExplanation.of(column: column) else {
                throw CommandFailure(
                    .usage, "expected COLUMN to be a signal of a pair, got: `\(TextWidth.harmless(column))`",
                    hint: SignalExplanation.all.map(\.column).joined(separator: ", "))
            }
            let pair = Pair(userID: invocation.arguments[0], botName: invocation.arguments[1])
            let inputs = invocation.integer("inputs") ?? 20
            let account = try DatabaseChoice.withMigrated(invocation) {
                try SignalAccount(&$0, explanation, of: pair, inputsMax: inputs)
            }
            Terminal.print(invocation.wantsJSON ? account.json : account.text)
            return account.isEqual == false ? .unwell : .ok
        })
}

/// What is known of where one pair's signal comes from.
struct SignalAccount {
    /// Rows that a pair is recomputed from in memory; a longer history is only counted.
    static let historyRowsMax = 50_000
    /// Rows that all leave-one-out runs together may fold.
    static let foldedRowsMax = 2_000_000

    let explanation: SignalExplanation
    let historyRowsMax: Int
    var preview: SignalPreview
    var anchors: [(name: String, value: String?)] = []
    /// Input rows that the engine listens to: stream and id, oldest first; nil for a history too long to look at.
    var inputs: [(stream: String, id: Int64, at: Timestamp)]?
    /// How many of the newest were left out, one at a time.
    var leftOut = 0
    /// Those among them without which the stored values would be others.
    var decisive: [(stream: String, id: Int64, at: Timestamp)] = []

    /// Whether the cached value is the recomputed one; nil when one of them is not known.
    var isEqual: Bool? {
        inputs == nil || preview.cached == nil || !isSettled ? nil : preview.cached == preview.recomputed
    }
    /// Whether the cached row stands for the history that was read: of this version, not behind, not written meanwhile.
    private var isSettled = true

    init(
        _ connection: inout Connection, _ explanation: SignalExplanation, of pair: Pair, inputsMax: Int,
        foldedRowsMax: Int = SignalAccount.foldedRowsMax, historyRowsMax: Int = SignalAccount.historyRowsMax
    ) throws {
        self.explanation = explanation
        self.historyRowsMax = historyRowsMax
        guard let cached = try connection.first(ChooseCachedPairs(only: pair)) else {
            throw CommandFailure(
                .data, "expected a user and a bot with processed messages, got: a pair without a row",
                hint: "the user comes first: afterthought explain USER BOT COLUMN")
        }
        let recomputation = try Command.recomputation(&connection)
        guard let through = cached.through else {
            throw CommandFailure(
                .busy, "expected a pair whose shard is caught up, got: one in a backlog", hint: "try again in a while")
        }
        let rows = try recomputation.history(
            &connection, of: cached.pair, through: through, rowsMax: historyRowsMax)
        let row = rows.flatMap { recomputation.row(of: $0, pair: pair) }
        preview = try SignalPreview.draw(
            &connection,
            SignalPreview.Signal(view: explanation.view, column: explanation.column, engine: explanation.engine),
            of: cached.pair, row: row, identity: recomputation.identity)
        isSettled =
            cached.engineVersion == recomputation.identity.engineVersion
            && cached.configHash == recomputation.identity.configHash
            && preview.staleReason == nil && preview.generation == cached.generation
        anchors = explanation.anchors.map { ($0.name, row.flatMap($0.value)) }
        guard let rows else { return }
        let places = rows.indices.filter { explanation.input.takes(rows[$0].event) }
        inputs = places.map { Self.name(rows[$0]) }
        let tries = min(inputsMax, foldedRowsMax / max(1, rows.count))
        for place in places.suffix(tries) {
            leftOut += 1
            var rest = rows
            rest.remove(at: place)
            let other = recomputation.row(of: rest, pair: pair)
            let isSame = explanation.anchors.allSatisfy { row.flatMap($0.value) == other.flatMap($0.value) }
            if !isSame { decisive.append(Self.name(rows[place])) }
        }
    }

    private static func name(_ row: InputRow) -> (stream: String, id: Int64, at: Timestamp) {
        switch row.event {
        case .message(let message): ("messages", message.id, row.effectiveAt)
        case .retrieval(let retrieval): ("memory_retrievals", retrieval.id, row.effectiveAt)
        case .metric(let point): ("metric_points", point.id, row.effectiveAt)
        case .trait(let activation): ("trait_activations", activation.id, row.effectiveAt)
        case .outreach(let attempt): ("outreach_attempts", attempt.id, row.effectiveAt)
        }
    }

    private var isValidated: Bool { !preview.unvalidated.contains(explanation.engine.rawValue) }

    private var verdict: String {
        switch isEqual {
        case true: "equal to the cached value"
        case false: "DIFFERS from the cached value"
        default: "not comparable: the cached row waits to be rebuilt or was just written, or its history is too long"
        }
    }

    /// For people.
    var text: String {
        var table = TextTable([("", .left), ("", .left)])
        func add(_ name: String, _ value: String?) { if let value { table.add(name, value) } }
        add("signal", "\(explanation.view).\(explanation.column)")
        add("meaning", preview.meaning)
        add("value now", preview.cached ?? "null")
        add("null because", preview.cached == nil ? preview.nullReason : nil)
        add("recomputed", preview.recomputed ?? "null")
        add("", verdict)
        add("formula", explanation.formula)
        add("method", explanation.source)
        for anchor in anchors { add("stored \(anchor.name)", anchor.value ?? "null") }
        add("validated", isValidated ? "yes: better than its naive baseline on this pair" : "no")
        add("version", preview.engineVersion.map { "engines \($0), configuration \(preview.configHash ?? "")" })
        add("written", preview.computedAt?.rfc3339)
        add("inputs", explanation.input.rawValue)
        if let inputs {
            add("", "\(grouped(inputs.count)) rows" + range(inputs))
            add("newest", ids(inputs.suffix(20)))
            let deciders = decisive.isEmpty ? "none of the newest \(leftOut)" : ids(decisive[...])
            add("hangs on", leftOut == 0 ? nil : deciders)
            add("", leftOut == 0 ? nil : "each of the newest \(leftOut) was left out once")
        } else {
            add("", "more than \(grouped(historyRowsMax)) rows: not looked at one by one")
        }
        return table.text()
    }

    private func range(_ inputs: [(stream: String, id: Int64, at: Timestamp)]) -> String {
        guard let first = inputs.first, let last = inputs.last else { return "" }
        return ", from \(first.at.rfc3339) to \(last.at.rfc3339)"
    }

    private func ids(_ inputs: ArraySlice<(stream: String, id: Int64, at: Timestamp)>) -> String {
        var parts: [String] = []
        for stream in ["messages", "memory_retrievals", "trait_activations", "outreach_attempts"] {
            let ids = inputs.filter { $0.stream == stream }.map { "\($0.id)" }
            if !ids.isEmpty { parts.append("\(stream) \(ids.joined(separator: ", "))") }
        }
        return parts.joined(separator: "; ")
    }

    /// For programs.
    var json: String {
        var json = JSONWriter()
        json.beginObject()
        func text(_ key: String, _ value: String?) {
            json.key(key)
            json.value(value)
        }
        text("view", explanation.view)
        text("column", explanation.column)
        text("engine", explanation.engine.rawValue)
        text("meaning", preview.meaning)
        text("formula", explanation.formula)
        text("method", explanation.source)
        for (key, value) in [("value", preview.cached), ("recomputed", preview.recomputed)] {
            json.key(key)
            json.value(value.flatMap { try? JSONValue(parsing: $0) } ?? .null)
        }
        json.key("equal")
        json.value(isEqual)
        text("null_reason", preview.nullReason)
        json.key("validated")
        json.value(isValidated)
        json.key("engine_version")
        json.value(preview.engineVersion.map(Int.init))
        text("config_hash", preview.configHash)
        text("computed_at", preview.computedAt?.rfc3339)
        json.key("stored")
        json.beginObject()
        for anchor in anchors { text(anchor.name, anchor.value) }
        json.endObject()
        for (key, rows) in [("inputs", inputs), ("hangs_on", decisive)] {
            json.key(key)
            guard let rows else {
                json.value(JSONValue.null)
                continue
            }
            json.beginArray()
            for row in rows {
                json.beginObject()
                text("stream", row.stream)
                json.key("id")
                json.value(row.id)
                text("at", row.at.rfc3339)
                json.endObject()
            }
            json.endArray()
        }
        json.key("inputs_left_out")
        json.value(leftOut)
        json.endObject()
        return json.text
    }
}
