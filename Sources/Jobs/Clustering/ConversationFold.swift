import Bytes
import Engines
import Learning
import Model
import Postgres
import Store

/// Adds messages to the vectors of their conversations.
///
/// A message without a conversation id belongs to the session of its pair that it is within 30 minutes of, the earlier
/// of two; else it opens one, named for it. Sessions that a late message bridges stay apart.
struct ConversationFold {
    /// A conversation as it is while messages are added.
    struct Entry {
        var row: ConversationRow
        var vector: ConversationVector
        /// Whether the vector is of another version: then only times and counts are kept up, and it is made anew later.
        var isStale: Bool
        var isChanged = false
    }

    static let gapMicroseconds = Int64(Limits.sessionGapSeconds * 1e6)

    let analyzer: TextAnalyzer
    let version: Int32
    private(set) var entries: [ConversationKey: Entry] = [:]
    private var sessions: [Pair: [ConversationKey]] = [:]

    init(analyzer: TextAnalyzer, version: Int32) {
        self.analyzer = analyzer
        self.version = version
    }

    /// Takes conversations in as they are stored.
    mutating func load(_ rows: some Sequence<ConversationRow>) {
        for row in rows where entries[row.key] == nil {
            let vector = row.vector
            entries[row.key] = Entry(row: row, vector: vector, isStale: row.version != version)
            if row.isSession { sessions[row.key.pair, default: []].append(row.key) }
        }
    }

    /// Adds messages, in any order.
    mutating func add(_ messages: [WindowMessage]) {
        let ordered = messages.sorted {
            ($0.pair, $0.at.microseconds, $0.position.id) < ($1.pair, $1.at.microseconds, $1.position.id)
        }
        for message in ordered { add(message) }
        for key in entries.keys where entries[key]?.isChanged == true { entries[key]?.vector.settleTerms() }
    }

    private mutating func add(_ message: WindowMessage) {
        let key = key(of: message)
        var entry = entries.removeValue(forKey: key) ?? newEntry(key, message)
        entry.isChanged = true
        entry.row.messages += 1
        entry.row.firstAt = min(entry.row.firstAt, message.at)
        entry.row.lastAt = max(entry.row.lastAt, message.at)
        if !entry.isStale, message.role != .system {
            entry.vector.add(analyzer.analyze(content: message.content, suppliedEmbedding: message.embedding))
        }
        entries[key] = entry
    }

    private mutating func newEntry(_ key: ConversationKey, _ message: WindowMessage) -> Entry {
        let isSession = message.conversationID == nil
        if isSession { sessions[key.pair, default: []].append(key) }
        let row = ConversationRow(
            key: key, isSession: isSession, space: 0, version: version, messages: 0, weight: 0, firstAt: message.at,
            lastAt: message.at, sums: [], terms: "{}")
        return Entry(row: row, vector: ConversationVector(), isStale: false)
    }

    private func key(of message: WindowMessage) -> ConversationKey {
        if let name = message.conversationID { return ConversationKey(pair: message.pair, conversationID: name) }
        var best: (key: ConversationKey, firstAt: Timestamp)?
        for key in sessions[message.pair] ?? [] {
            guard let row = entries[key]?.row,
                message.at.microseconds >= row.firstAt.microseconds - Self.gapMicroseconds,
                message.at.microseconds <= row.lastAt.microseconds + Self.gapMicroseconds
            else { continue }
            if best.map({ row.firstAt < $0.firstAt }) ?? true { best = (key, row.firstAt) }
        }
        return best?.key
            ?? ConversationKey(pair: message.pair, conversationID: "session:\(message.position.id)")
    }

    /// The conversations that messages were added to, as they are to be stored, by name.
    var changed: [(row: ConversationRow, vector: ConversationVector, isStale: Bool)] {
        entries.values.filter(\.isChanged).sorted { $0.row.key < $1.row.key }.map { entry in
            (entry.row.with(entry.vector), entry.vector, entry.isStale)
        }
    }
}

extension ConversationRow {
    /// The vector that it stores.
    var vector: ConversationVector {
        var numbers: [Int32] = []
        numbers.reserveCapacity(UnitVectors.width)
        for start in stride(from: 0, to: sums.count - 3, by: 4) {
            var bits: UInt32 = 0
            for place in 0..<4 { bits |= UInt32(sums[start + place]) << UInt32(8 * place) }
            numbers.append(Int32(bitPattern: bits))
        }
        let members = (try? JSONValue(parsing: terms.text))?.members ?? []
        let counts = members.compactMap { member in
            member.value.int64.map {
                ConversationVector.TermCount(term: member.key, count: Int32(truncatingIfNeeded: $0))
            }
        }
        return ConversationVector(
            sum: numbers, weight: Int(weight), space: UInt8(truncatingIfNeeded: space), terms: counts)
    }

    /// The row with another vector.
    func with(_ vector: ConversationVector) -> ConversationRow {
        var row = self
        row.weight = Int64(vector.weight)
        row.space = Int16(vector.space)
        row.sums = []
        row.sums.reserveCapacity(UnitVectors.width * 4)
        for number in vector.sum {
            let bits = UInt32(bitPattern: number)
            for shift in [UInt32(0), 8, 16, 24] { row.sums.append(UInt8(truncatingIfNeeded: bits >> shift)) }
        }
        var json = JSONWriter()
        json.beginObject()
        for entry in vector.terms {
            json.key(entry.term)
            json.value(Int(entry.count))
        }
        json.endObject()
        row.terms = JSONText(json.text)
        return row
    }
}
