import Bytes

/// The few terms that stand for a topic, with decayed counts in 1/256.
///
/// Each message of the topic takes a sixteenth off every count and adds one for each of its own terms, so that the
/// counts say what the topic is about lately; `VagueWords` add a quarter. Sorted by count, highest first; among
/// equals the longer word goes first, being the rarer one as a rule (Zipf 1935).
struct TopicTerms: Sendable {
    static let countMax = 6
    /// Longer words are no use in a label and would let one pair's state grow.
    static let textBytesMax = 24
    /// One occurrence.
    static let unit: UInt16 = 256
    /// One occurrence of a word that says little.
    static let vagueUnit: UInt16 = 64

    struct Entry: Equatable, Sendable {
        var text: String
        var hash: UInt32
        var count: UInt16
    }

    private(set) var entries: [Entry] = []

    init() {}

    /// A stable 32-bit hash of a term (FNV-1a over its UTF-8).
    static func hash(_ text: String) -> UInt32 {
        var hash: UInt32 = 0x811C_9DC5
        for byte in text.utf8 { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        return hash
    }

    /// How many of the hashes belong to terms kept here.
    func shared(with hashes: [UInt32]) -> Int {
        var shared = 0
        for entry in entries where hashes.contains(entry.hash) { shared += 1 }
        return shared
    }

    /// Folds one message's distinct terms in.
    mutating func add(_ terms: [Term], hashes: [UInt32]) {
        for index in entries.indices { entries[index].count -= entries[index].count >> 4 }
        for (position, hash) in hashes.enumerated() where hashes.firstIndex(of: hash) == position {
            let text = terms[position].text
            add(text, hash: hash, unit: VagueWords.contains(text, hash: hash) ? Self.vagueUnit : Self.unit)
        }
        entries.sort(by: Self.precedes)
    }

    /// Whether an entry is the better name for the topic.
    private static func precedes(_ left: Entry, _ right: Entry) -> Bool {
        if left.count != right.count { return left.count > right.count }
        let lengths = (left.text.utf8.count, right.text.utf8.count)
        return lengths.0 != lengths.1 ? lengths.0 > lengths.1 : left.text < right.text
    }

    private mutating func add(_ text: String, hash: UInt32, unit: UInt16) {
        if let known = entries.firstIndex(where: { $0.hash == hash }) {
            entries[known].count += unit
            return
        }
        guard text.utf8.count <= Self.textBytesMax, !text.isEmpty else { return }
        let entry = Entry(text: text, hash: hash, count: unit)
        if entries.count < Self.countMax {
            entries.append(entry)
            return
        }
        var weakest = 0
        for index in entries.indices.dropFirst() {
            if Self.precedes(entries[weakest], entries[index]) { weakest = index }
        }
        if entries[weakest].count < unit { entries[weakest] = entry }
    }

    /// The two or three strongest terms, joined by a comma: a topic's label.
    var label: String {
        guard let first = entries.first else { return "" }
        var label = first.text
        for (place, entry) in entries.enumerated().dropFirst().prefix(2) {
            if place == 2 && entry.count < first.count / 2 { break }
            label += ", "
            label += entry.text
        }
        return label
    }

    func encode(into writer: inout StateWriter) {
        writer.write(list: entries) { writer, entry in
            writer.write(entry.text)
            writer.write(UInt64(entry.count))
        }
    }

    init(from reader: inout StateReader) throws(StateError) {
        entries = try reader.readList(max: Self.countMax) { reader throws(StateError) in
            let text = try reader.readString()
            let count = try reader.readUnsigned()
            guard !text.isEmpty, text.utf8.count <= Self.textBytesMax else { throw reader.fault("a short term") }
            guard count > 0, count <= UInt64(Self.unit) * 16 else { throw reader.fault("a term's count") }
            return Entry(text: text, hash: Self.hash(text), count: UInt16(count))
        }
        for (place, entry) in entries.enumerated().dropFirst() {
            let before = entries[place - 1]
            guard Self.precedes(before, entry) else { throw reader.fault("sorted terms") }
        }
    }
}
