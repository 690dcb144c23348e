import Bytes
import Store

/// Draws a pair's signals as a table for people.
enum SignalTable {
    private static let columnsMax = 118

    static func text(_ pair: PairSignals) -> String {
        var head = pair.freshness
        if let age = pair.ageSeconds, pair.freshness != "missing" {
            head += ", complete as of \(spoken(seconds: age)) ago"
        }
        if let reason = pair.staleReason { head += " (\(reason))" }
        if let count = pair.messagesReflected { head += ", \(grouped(count)) messages" }
        if let through = pair.reflectsThrough { head += " through \(through.rfc3339)" }
        guard pair.freshness != "missing" else { return head }
        var table = TextTable([("signal", .left), ("", .left), ("value", .left)])
        for group in pair.signals.members ?? [] {
            var isFirst = true
            for member in group.value.members ?? [] where isShown(member.key) {
                table.add(isFirst ? group.key : "", member.key, value(member.value))
                isFirst = false
            }
        }
        var text = head + "\n\n" + table.text(columnsMax: columnsMax)
        if !pair.unvalidated.isEmpty {
            text +=
                "\n\nno better than its naive baseline on this pair (unvalidated): "
                + pair.unvalidated.joined(separator: ", ")
        }
        if let reasons = pair.nullReasons?.members, !reasons.isEmpty {
            text += "\n\nnull because:"
            for reason in reasons { text += "\n  \(reason.key): \(reason.value.string ?? "")" }
        }
        if let digest = pair.digest, !digest.isEmpty { text += "\n\nfor a prompt:\n  \(TextWidth.harmless(digest))" }
        return text
    }

    /// Bookkeeping that the head of the table has already.
    private static func isShown(_ key: String) -> Bool {
        !["computed_at", "expires_at", "time_window_hours", "fresh", "null_reasons", "unvalidated"].contains(key)
    }

    /// A value on one line: numbers short, lists by their names with their first number.
    static func value(_ value: JSONValue) -> String {
        switch value {
        case .null: "–"
        case .bool(let flag): flag ? "yes" : "no"
        case .string(let text): text
        case .number(let number): number.int64.map { "\($0)" } ?? short(number.double)
        case .array(let items): items.isEmpty ? "none" : items.prefix(5).map(item).joined(separator: "; ")
        case .object(let members): members.prefix(6).map { "\($0.key) \(item($0.value))" }.joined(separator: ", ")
        }
    }

    private static func item(_ value: JSONValue) -> String {
        switch value {
        case .object(let members):
            let name = members.first { ["label", "topic", "trait", "date", "metric", "from"].contains($0.key) }
            let number = members.first { $0.value.double != nil && $0.value.int64 == nil }
            let parts = [name.map { Self.value($0.value) }, number.map { Self.value($0.value) }].compactMap { $0 }
            return parts.isEmpty ? "\(members.count) members" : parts.joined(separator: " ")
        case .array(let items): return items.isEmpty ? "none" : items.prefix(3).map(item).joined(separator: ", ")
        default: return Self.value(value)
        }
    }

    private static func short(_ number: Double) -> String {
        var json = JSONWriter()
        json.value(number, decimals: abs(number) >= 100 ? 0 : 3)
        return json.text
    }
}
