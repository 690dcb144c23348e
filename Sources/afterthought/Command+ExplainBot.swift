import Bytes
import Engines
import Model
import Postgres
import Store
import Worker

extension Command {
    /// Explains a column of a bot.
    static func explainBot(_ invocation: Invocation, _ column: String) throws -> ExitCode {
        guard let explanation = CharacterExplanation.of(column: column) else {
            throw CommandFailure(
                .usage, "expected COLUMN to be a signal of a bot, got: `\(TextWidth.harmless(column))`",
                hint: CharacterExplanation.all.map(\.column).joined(separator: ", "))
        }
        let account = try DatabaseChoice.withMigrated(invocation) {
            try CharacterAccount(&$0, explanation, of: invocation.arguments[1])
        }
        Terminal.print(invocation.wantsJSON ? account.json : account.text)
        return account.isEqual == false ? .unwell : .ok
    }
}

/// What is known of where one bot's signal comes from.
struct CharacterAccount {
    /// What a bot's buckets hold of one measure within the week that ends with the newest hour.
    struct Input {
        var name: String
        var hours = 0
        var sum = MeasureSum()
    }

    let explanation: CharacterExplanation
    let preview: CharacterPreview
    /// Every input measure, by name.
    let inputs: [Input]
    /// Hours of the week with any input.
    let hours: Int
    private let isSettled: Bool

    /// Whether the cached value is the recomputed one; nil where the cached row waits to be merged again.
    var isEqual: Bool? { isSettled ? preview.cached == preview.recomputed : nil }

    init(_ connection: inout Connection, _ explanation: CharacterExplanation, of bot: String) throws {
        self.explanation = explanation
        let identity = try Command.recomputation(&connection).identity
        let drawn = try CharacterPreview.draw(&connection, explanation.column, of: bot, identity: identity) { sums in
            var hours = sums.buckets
            let longRun = hours.removeValue(forKey: BotContributions.longRun) ?? BucketSums()
            return sums.isZero
                ? nil : CharacterPerformance.evaluate(botName: bot, buckets: hours, longRun: longRun)
        }
        guard let drawn else {
            throw CommandFailure(
                .data, "expected a bot with processed messages, got: one without a row",
                hint: "a bot's signal is asked for with an empty user: afterthought explain '' BOT COLUMN")
        }
        preview = drawn.preview
        isSettled =
            !preview.isWaiting && preview.engineVersion == identity.engineVersion
            && preview.configHash == identity.configHash
        var found: [String: Input] = [:]
        var hours = 0
        let known = drawn.buckets.buckets.filter { $0.key != BotContributions.longRun }
        let newest = known.keys.max() ?? 0
        for (_, sums) in known.filter({ $0.key > newest - CharacterPerformance.windowHours }) {
            let taken = sums.measures.filter { explanation.takes($0.name) && $0.sum.count > 0 }
            hours += taken.isEmpty ? 0 : 1
            for measure in taken {
                var input = found[measure.name] ?? Input(name: measure.name)
                input.hours += 1
                input.sum = input.sum + measure.sum
                found[measure.name] = input
            }
        }
        self.hours = hours
        inputs = found.values.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private var verdict: String {
        switch isEqual {
        case true: "equal to the cached value"
        case false: "DIFFERS from the cached value"
        default: "not comparable: the cached row waits to be merged again"
        }
    }

    /// For people.
    var text: String {
        var table = TextTable([("", .left), ("", .left)])
        func add(_ name: String, _ value: String?) { if let value { table.add(name, value) } }
        add("signal", "strategic_character_performance.\(explanation.column)")
        add("meaning", preview.meaning)
        add("value now", preview.cached ?? "null")
        add("null because", preview.cached == nil ? preview.nullReason : nil)
        add("recomputed", preview.recomputed ?? "null")
        add("", verdict)
        add("formula", explanation.formula)
        add("method", explanation.source)
        add("sources", preview.sources)
        add("validated", preview.isValidated ? "yes" : "no")
        add("version", "engines \(preview.engineVersion), configuration \(preview.configHash)")
        add("written", preview.computedAt.rfc3339)
        add("looks back from", preview.trendThrough?.rfc3339)
        add("inputs", "buckets of \(grouped(hours)) hours, \(grouped(Int(preview.pairs))) pairs")
        for input in inputs {
            let mean = input.sum.mean.map { ", mean \(($0 * 10_000).rounded() / 10_000)" } ?? ""
            let name = TextWidth.harmless(input.name)
            add("", "\(name): \(grouped(Int(input.sum.count))) values in \(grouped(input.hours)) hours\(mean)")
        }
        return table.text()
    }

    /// For programs.
    var json: String {
        var json = JSONWriter()
        json.beginObject()
        func text(_ key: String, _ value: String?) {
            json.key(key)
            json.value(value)
        }
        text("view", "strategic_character_performance")
        text("column", explanation.column)
        text("engine", EngineName.characterPerformance.rawValue)
        text("meaning", preview.meaning)
        text("formula", explanation.formula)
        text("method", explanation.source)
        for (key, value) in [
            ("value", preview.cached), ("recomputed", preview.recomputed), ("sources", preview.sources),
        ] {
            json.key(key)
            json.value(value.flatMap { try? JSONValue(parsing: $0) } ?? .null)
        }
        json.key("equal")
        json.value(isEqual)
        text("null_reason", preview.nullReason)
        json.key("validated")
        json.value(preview.isValidated)
        json.key("engine_version")
        json.value(Int(preview.engineVersion))
        text("config_hash", preview.configHash)
        text("computed_at", preview.computedAt.rfc3339)
        text("trend_through", preview.trendThrough?.rfc3339)
        json.key("pairs")
        json.value(preview.pairs)
        json.key("hours")
        json.value(hours)
        json.key("inputs")
        json.beginArray()
        for input in inputs {
            json.beginObject()
            text("measure", input.name)
            json.key("values")
            json.value(input.sum.count)
            json.key("hours")
            json.value(input.hours)
            json.key("mean")
            json.value(input.sum.mean)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.text
    }
}
