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

    let version: Int32
    private(set) var entries: [Entry] = []
    private var places: [ConversationKey: Int] = [:]
    private var sessions: [Pair: [Int]] = [:]

    init(version: Int32) { self.version = version }

    /// Takes conversations in as they are stored.
    mutating func load(_ rows: some Sequence<ConversationRow>) {
        for row in rows where places[row.key] == nil {
            insert(Entry(row: row, vector: row.vector, isStale: row.version != version))
        }
    }

    /// Adds messages, in any order.
    ///
    /// - Parameters:
    ///   - messages: of any conversations whose stored state was loaded.
    ///   - analyses: of each message; nil for those that say nothing about a conversation.
    mutating func add(_ messages: [WindowMessage], _ analyses: [MessageAnalysis?]) {
        precondition(
            messages.count == analyses.count, "expected \(messages.count) analyses, got: \(analyses.count)")
        // Sessions of a pair depend on the order of its messages, those of different pairs don't on each other.
        for indices in Dictionary(grouping: messages.indices, by: { messages[$0].pair }).values {
            let ordered = indices.sorted {
                (messages[$0].at.microseconds, messages[$0].position.id)
                    < (messages[$1].at.microseconds, messages[$1].position.id)
            }
            for index in ordered { add(messages[index], analyses[index]) }
        }
        for place in entries.indices where entries[place].isChanged { entries[place].vector.settleTerms() }
    }

    private mutating func add(_ message: WindowMessage, _ analysis: MessageAnalysis?) {
        let place = place(of: message)
        entries[place].isChanged = true
        entries[place].row.messages += 1
        entries[place].row.firstAt = min(entries[place].row.firstAt, message.at)
        entries[place].row.lastAt = max(entries[place].row.lastAt, message.at)
        if let analysis, !entries[place].isStale { entries[place].vector.add(analysis) }
    }

    @discardableResult
    private mutating func insert(_ entry: Entry) -> Int {
        let place = entries.count
        places[entry.row.key] = place
        if entry.row.isSession { sessions[entry.row.key.pair, default: []].append(place) }
        entries.append(entry)
        return place
    }

    /// Where the conversation of a message is; it is opened if there is none.
    private mutating func place(of message: WindowMessage) -> Int {
        if let name = message.conversationID {
            let key = ConversationKey(pair: message.pair, conversationID: name)
            return places[key] ?? open(key, message)
        }
        var best: Int?
        for place in sessions[message.pair] ?? [] {
            let row = entries[place].row
            guard message.at.microseconds >= row.firstAt.microseconds - Self.gapMicroseconds,
                message.at.microseconds <= row.lastAt.microseconds + Self.gapMicroseconds
            else { continue }
            if best.map({ row.firstAt < entries[$0].row.firstAt }) ?? true { best = place }
        }
        if let best { return best }
        let key = Self.sessionKey(message)
        return places[key] ?? open(key, message)
    }

    /// What the session is called that a message opens.
    ///
    /// An application may call a conversation the same: then they are one, and its state has to be loaded as well.
    static func sessionKey(_ message: WindowMessage) -> ConversationKey {
        ConversationKey(pair: message.pair, conversationID: "session:\(message.position.id)")
    }

    private mutating func open(_ key: ConversationKey, _ message: WindowMessage) -> Int {
        let row = ConversationRow(
            key: key, isSession: message.conversationID == nil, space: 0, version: version, messages: 0, weight: 0,
            firstAt: message.at, lastAt: message.at, sums: [], terms: "{}")
        return insert(Entry(row: row, vector: ConversationVector(), isStale: false))
    }

    /// The conversations that messages were added to, as they are to be stored, by name.
    var changed: [(row: ConversationRow, vector: ConversationVector, isStale: Bool)] {
        entries.filter(\.isChanged).sorted { $0.row.key < $1.row.key }.map { entry in
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
