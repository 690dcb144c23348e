import Bytes
import Glibc
import Model

/// What memory aging keeps of a memory: its name, and its share of recent and of long-run talk.
struct AgingNote: MemoryNote {
    /// Bytes of a topic's label that are kept for when the topic tracker has forgotten it.
    static let labelBytesMax = 40

    /// A topic's last label, or the retrieval's memory id.
    var name = ""
    /// Stretches on this topic, fading by e^(−1/4) and e^(−1/24) a stretch.
    var recentWeight: Float = 0
    var longRunWeight: Float = 0

    init() {}

    func encode(into writer: inout StateWriter) {
        writer.write(name)
        writer.write(recentWeight)
        writer.write(longRunWeight)
    }

    init(from reader: inout StateReader) throws(StateError) {
        name = try reader.readString()
        recentWeight = try reader.readWeight()
        longRunWeight = try reader.readWeight()
        guard name.utf8.count <= Limits.identifierBytesMax else {
            throw StateError(offset: 0, expected: "a name of at most \(Limits.identifierBytesMax) bytes")
        }
    }
}

/// Engine 1, memory aging: which memories a pair has, how old they are and how likely they are still recalled.
///
/// A memory is a retrieval id of the application's, or a topic of the user's own messages; `MemoryTable` says when a
/// mention is a review, `FSRS6` what a review does. The row gets anchors only (first and last seen, stability, decayed
/// counts of events); ages, risks and the trend are drawn from them at read time.
///
///     event:   every retrieval and every new stretch of the user's on a topic
///     drift:   Jensen–Shannon divergence (base 2) between the topics' recent and long-run shares of stretches, which
///              fade by e^(−1/4) and e^(−1/24) a stretch; needs `driftTopicsMin` topics, `driftStretchesMin` stretches
///     check:   before each new stretch, each topic i that it could return to is predicted with P = q·Rᵢ/ΣR, where
///              q = `MemoryPrior`'s posterior mean so far; a retrieval with a known outcome with P = R(t, S). The
///              engine is `unvalidated` until this beats the running base rate (`RecallLog`).
///
/// Input: messages with a topic, retrievals; other rows are passed over. Invariants: those of `Engine`; at most
/// `Limits.memoryCandidatesMax` memories.
package struct MemoryAging: Engine {
    package static let name = EngineName.memoryAging
    static let driftTopicsMin = 2
    static let driftStretchesMin = 4
    static let recentFade: Float = 0.778_800_8
    static let longRunFade: Float = 0.959_189_5

    var table = MemoryTable<AgingNote>()
    var events = DecayedEvents()
    /// New stretches of the user's on any topic.
    var stretches = 0
    var returnLog = RecallLog(.returns)
    var outcomeLog = RecallLog(.outcomes)
    /// Stretches that could have returned to a topic.
    var openings = 0

    package init() {}

    package mutating func apply(_ observation: Observation) {
        switch observation.row.event {
        case .message(let message): hear(message.role, observation)
        case .retrieval(let retrieval): retrieve(retrieval, at: observation.at)
        case .metric, .trait, .outreach: break
        }
    }

    private mutating func hear(_ role: Role, _ observation: Observation) {
        table.enterSession(observation.session.index)
        guard let id = observation.ownTopicID, role != .system else { return }
        let moment = observation.at.wholeSeconds
        let known = table.index(of: .topic(id))
        let isStretch = known.map { table.wouldReturn(table.memories[$0], at: moment) } ?? true
        guard role == .user, isStretch else {
            table.hear(topic: id, isUser: role == .user, at: moment)
            return
        }
        predictReturn(to: id, at: moment)
        let index = table.review(.topic(id), grade: .good, at: moment)
        table.hear(topic: id, isUser: true, at: moment)
        countStretch(on: index, label: observation.topic?.label ?? "")
        events.add(at: observation.at)
    }

    private mutating func retrieve(_ retrieval: MemoryRetrieval, at time: Timestamp) {
        let moment = time.wholeSeconds
        let key = MemoryKey.retrieval(StableHash.hash(retrieval.memoryID))
        if retrieval.outcome != .unknown, let index = table.index(of: key) {
            let recall = recall(table.memories[index], at: moment)
            outcomeLog.record(predicted: recall, outcome: retrieval.outcome == .recalled)
        }
        let index = table.review(key, grade: FSRS6.Grade(retrieval), at: moment)
        table.updateNote(at: index) { note in
            note.name = retrieval.memoryID.prefix(utf8BytesMax: Limits.identifierBytesMax)
        }
        events.add(at: time)
    }

    private func recall(_ memory: TrackedMemory<AgingNote>, at moment: Int64) -> Double {
        FSRS6.published.retrievability(days: memory.days(at: moment), stability: Double(memory.stability))
    }

    /// What the engine would predict for each topic that a message of the user's could return to, before it hears the
    /// message; in the order of `MemoryBehavior.openings(at:)`.
    ///
    /// - Returns: none unless the message begins a new stretch.
    package func returnPredictions(at observation: Observation) -> [(probability: Double, isChosen: Bool)] {
        guard case .message(let message) = observation.row.event, message.role == .user,
            let id = observation.ownTopicID
        else { return [] }
        let moment = observation.at.wholeSeconds
        var entered = table
        entered.enterSession(observation.session.index)
        guard entered.index(of: .topic(id)).map({ entered.wouldReturn(entered.memories[$0], at: moment) }) ?? true
        else { return [] }
        return predictions(in: entered, to: id, at: moment)
    }

    private func predictions(
        in table: MemoryTable<AgingNote>, to id: UInt32, at moment: Int64
    ) -> [(probability: Double, isChosen: Bool)] {
        let open = table.memories.filter { table.wouldReturn($0, at: moment) }
        guard !open.isEmpty else { return [] }
        let recalls = open.map { recall($0, at: moment) }
        let rate =
            MemoryPrior.shipped.returnRate(returns: returnLog.hits, openings: openings) / recalls.reduce(0, +)
        return zip(open, recalls).map { (rate * $1, $0.key == .topic(id)) }
    }

    private mutating func predictReturn(to id: UInt32, at moment: Int64) {
        let predictions = predictions(in: table, to: id, at: moment)
        guard !predictions.isEmpty else { return }
        for (probability, isChosen) in predictions {
            returnLog.record(predicted: probability, outcome: isChosen)
        }
        openings += 1
    }

    private mutating func countStretch(on index: Int, label: String) {
        stretches += 1
        table.updateNotes { note in
            note.recentWeight *= Self.recentFade
            note.longRunWeight *= Self.longRunFade
        }
        table.updateNote(at: index) { note in
            note.name = label.prefix(utf8BytesMax: AgingNote.labelBytesMax)
            note.recentWeight += 1
            note.longRunWeight += 1
        }
    }

    package func encode(into writer: inout StateWriter) {
        table.encode(into: &writer)
        events.encode(into: &writer)
        writer.write(UInt64(stretches))
        returnLog.encode(into: &writer)
        outcomeLog.encode(into: &writer)
        writer.write(UInt64(openings))
    }

    package init(from reader: inout StateReader) throws(StateError) {
        table = try MemoryTable(from: &reader)
        events = try DecayedEvents(from: &reader)
        stretches = try reader.readMemoryCount()
        returnLog = try RecallLog(.returns, from: &reader)
        outcomeLog = try RecallLog(.outcomes, from: &reader)
        openings = try reader.readMemoryCount()
        guard returnLog.hits <= openings else { throw StateError(offset: 0, expected: "returns among the openings") }
    }
}

extension String {
    /// As many whole characters from the start as fit into so many bytes of UTF-8.
    func prefix(utf8BytesMax: Int) -> String {
        guard utf8.count > utf8BytesMax else { return self }
        var kept = ""
        for character in self {
            guard kept.utf8.count + character.utf8.count <= utf8BytesMax else { break }
            kept.append(character)
        }
        return kept
    }
}
