import Bytes
import Model

/// What a memory is told apart by: a topic of the user's own messages, or a memory that the application retrieved.
enum MemoryKey: Hashable, Comparable, Sendable {
    case topic(UInt32)
    /// `StableHash` of the retrieval's memory id.
    case retrieval(UInt64)

    /// Topics come first, then retrievals, each by number.
    static func < (left: MemoryKey, right: MemoryKey) -> Bool {
        switch (left, right) {
        case (.topic(let first), .topic(let second)): first < second
        case (.retrieval(let first), .retrieval(let second)): first < second
        case (.topic, .retrieval): true
        case (.retrieval, .topic): false
        }
    }

    var isTopic: Bool { if case .topic = self { true } else { false } }
}

/// What an engine keeps of a memory beside the memory itself.
protocol MemoryNote: Sendable {
    init()
    func encode(into writer: inout StateWriter)
    init(from reader: inout StateReader) throws(StateError)
}

/// One memory: when it was seen, and how well it is kept by FSRS-6.
///
/// Floats are what is stored, so that a fold that was interrupted goes on with the same numbers.
struct TrackedMemory<Note: MemoryNote>: Sendable {
    var key: MemoryKey
    /// Seconds since the Unix epoch.
    var firstSeen: Int64
    /// Seconds since the Unix epoch; the last mention, also one that is no review of its own.
    var lastSeen: Int64
    /// Days.
    var stability: Float
    var difficulty: Float
    var reviews: Int
    /// The table's `ordinal` just after the last message on this topic, by whoever wrote it.
    var lastOrdinal: Int
    var note: Note

    /// Seconds since the memory was last seen, 0 when the moment is earlier.
    func elapsed(at moment: Int64) -> Double { Double(max(0, moment - lastSeen)) }

    /// Days since the memory was last seen.
    func days(at moment: Int64) -> Double { elapsed(at: moment) / 86400 }
}

/// A pair's memories, at most `Limits.memoryCandidatesMax`, each with its FSRS-6 state; both memory engines hold one.
///
/// A retrieval is a review. A message of the user is one only when it begins a new *stretch* on its topic: the first
/// message on it in a session, or after another topic ran (whoever wrote on it), or `pauseSecondsMin` after the last
/// mention. Other messages on a running topic only move its last-seen time. Stretches are graded good.
///
/// When full, the memory with the least retrievability goes; R falls with t/S alone, so t/S decides, then the older
/// last-seen time, then the greater key.
///
/// Invariants: keys are unique; 0.001 ≤ S ≤ 36 500; O(memories) a row.
struct MemoryTable<Note: MemoryNote>: Sendable {
    /// Seconds after which a mention is a return though no other topic ran.
    static var pauseSecondsMin: Int64 { 600 }
    /// Days; nothing is remembered for more than a century.
    static var stabilityMax: Double { 36_500 }

    private(set) var memories: [TrackedMemory<Note>] = []
    /// Messages with a topic so far.
    private(set) var ordinal = 0
    private(set) var sessionIndex = 0
    /// `ordinal` when the running session began.
    private(set) var sessionStart = 0

    init() {}

    /// A table as it was stored.
    init(memories: [TrackedMemory<Note>], ordinal: Int, sessionIndex: Int, sessionStart: Int) {
        self.memories = memories
        self.ordinal = ordinal
        self.sessionIndex = sessionIndex
        self.sessionStart = sessionStart
    }

    /// Notes which session a message belongs to; call it before anything else is asked for that message.
    mutating func enterSession(_ index: Int) {
        guard index != sessionIndex else { return }
        sessionIndex = index
        sessionStart = ordinal
    }

    func index(of key: MemoryKey) -> Int? { memories.firstIndex { $0.key == key } }

    /// Whether a mention at this moment would begin a new stretch on a topic that is known already.
    func wouldReturn(_ memory: TrackedMemory<Note>, at moment: Int64) -> Bool {
        memory.key.isTopic
            && (memory.lastOrdinal <= sessionStart || memory.lastOrdinal < ordinal
                || moment - memory.lastSeen >= Self.pauseSecondsMin)
    }

    /// Counts a message on a topic, by anybody; a message of the user's moves the topic's last-seen time as well.
    mutating func hear(topic id: UInt32, isUser: Bool, at moment: Int64) {
        ordinal += 1
        guard let index = index(of: .topic(id)) else { return }
        memories[index].lastOrdinal = ordinal
        if isUser { memories[index].lastSeen = max(memories[index].lastSeen, moment) }
    }

    /// Reviews a memory, or begins to track it.
    ///
    /// - Parameters:
    ///   - key: the memory.
    ///   - grade: how the review went.
    ///   - moment: seconds since the Unix epoch; earlier than the last one counts as the same time.
    /// - Returns: where the memory is in `memories` now.
    mutating func review(_ key: MemoryKey, grade: FSRS6.Grade, at moment: Int64) -> Int {
        guard let index = index(of: key) else {
            if memories.count >= Limits.memoryCandidatesMax { memories.remove(at: weakestIndex(at: moment)) }
            let memory = FSRS6.published.first(grade)
            memories.append(
                TrackedMemory(
                    key: key, firstSeen: moment, lastSeen: moment, stability: Float(memory.stability),
                    difficulty: Float(memory.difficulty), reviews: 1, lastOrdinal: ordinal, note: Note()))
            return memories.count - 1
        }
        let before = memories[index]
        let after = FSRS6.published.reviewed(
            FSRS6.Memory(difficulty: Double(before.difficulty), stability: Double(before.stability)),
            afterDays: before.days(at: moment), grade: grade)
        memories[index].stability = Float(min(after.stability, Self.stabilityMax))
        memories[index].difficulty = Float(after.difficulty)
        memories[index].reviews += 1
        memories[index].lastSeen = max(before.lastSeen, moment)
        return index
    }

    mutating func updateNote(at index: Int, _ body: (inout Note) -> Void) { body(&memories[index].note) }

    mutating func updateNotes(_ body: (inout Note) -> Void) {
        for index in memories.indices { body(&memories[index].note) }
    }

    /// The memory that is most likely forgotten at this moment; the table must not be empty.
    private func weakestIndex(at moment: Int64) -> Int {
        var weakest = 0
        for index in memories.indices.dropFirst() where isWeaker(memories[index], memories[weakest], at: moment) {
            weakest = index
        }
        return weakest
    }

    private func isWeaker(_ left: TrackedMemory<Note>, _ right: TrackedMemory<Note>, at moment: Int64) -> Bool {
        let leftAge = left.elapsed(at: moment) / Double(left.stability)
        let rightAge = right.elapsed(at: moment) / Double(right.stability)
        if leftAge != rightAge { return leftAge > rightAge }
        if left.lastSeen != right.lastSeen { return left.lastSeen < right.lastSeen }
        return left.key > right.key
    }
}

extension FSRS6.Grade {
    /// The grade of a retrieval.
    ///
    /// Missed is again; recalled is good, but hard when a score within 0…1 is below one half (a weak match that was
    /// recalled all the same); unknown is good. Scores outside 0…1, and NaN, say nothing.
    init(_ retrieval: MemoryRetrieval) {
        switch retrieval.outcome {
        case .missed: self = .again
        case .unknown: self = .good
        case .recalled:
            if let score = retrieval.score, (0..<0.5).contains(score) { self = .hard } else { self = .good }
        }
    }
}

extension Timestamp {
    /// Whole seconds since the Unix epoch, rounded down.
    var wholeSeconds: Int64 {
        let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

extension Observation {
    /// The topic that the message itself is about; nil for acknowledgements and the like, which a tracker leaves with
    /// the running topic though they say nothing of it.
    var ownTopicID: UInt32? {
        guard let analysis, !analysis.terms.isEmpty, !analysis.cues.contains(.backchannel) else { return nil }
        return topic?.topicID
    }
}
