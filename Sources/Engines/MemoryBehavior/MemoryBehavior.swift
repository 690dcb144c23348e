import Bytes
import Glibc
import Model

/// What human-like memory keeps of a memory: whether it has come back after a day or more.
struct BehaviorNote: MemoryNote {
    var isSpaced = false

    init() {}

    func encode(into writer: inout StateWriter) { writer.write(isSpaced) }
    init(from reader: inout StateReader) throws(StateError) { isSpaced = try reader.readBool() }
}

/// Engine 5, human-like memory: how this user forgets, and how well that can be foretold.
///
/// `StrengthModel` holds the formulas and the fit: FSRS-6's power-law curve with the user's own stability multiplier,
/// shrunk to the population's. What is observed:
///
///     outcome:  a retrieval marked recalled or missed, of a memory that was retrieved before
///     return:   each new stretch of the user's (`MemoryTable`) is one opportunity for every topic that it could return
///               to; at most one of them is returned to
///
/// Every prediction is made before its outcome is learnt from, and goes into `Calibration` (the recall simulation
/// score), `RecallLog` (the engine is `unvalidated` until it beats the running base rate) and `SpacingTally`. Topics
/// and explicit retrievals have base rates of their own.
///
/// It is not a list of memories: memory aging has that, and readers draw retention from both.
/// Input: messages with a topic, retrievals; other rows are passed over. Invariants: those of `Engine`; at most
/// `Limits.memoryCandidatesMax` memories.
package struct MemoryBehavior: Engine {
    package static let name = EngineName.memoryBehavior
    /// Explicit outcomes from which on they, not re-mentions, are what the curve is said to rest on.
    static let outcomesMin = 10

    var table = MemoryTable<BehaviorNote>()
    var model = StrengthModel()
    var returnLog = RecallLog(.returns)
    var outcomeLog = RecallLog(.outcomes)
    var calibration = Calibration()
    var spacing = SpacingTally()
    /// First and later reviews of all memories that were ever tracked.
    var reviews = 0
    /// Later reviews alone, and the sum of their ln(stability after/before) in millionths.
    var repeats = 0
    var stabilityGain = 0

    package init() {}

    package mutating func apply(_ observation: Observation) {
        switch observation.row.event {
        case .message(let message): hear(message.role, observation)
        case .retrieval(let retrieval): retrieve(retrieval, at: observation.at.wholeSeconds)
        case .metric, .trait, .outreach: break
        }
    }

    /// The topics that a message of the user's could return to, as this engine has them before it hears the message.
    ///
    /// - Returns: none unless the message begins a new stretch; at most one of them is chosen.
    package func openings(at observation: Observation) -> [ReturnCandidate] {
        guard case .message(let message) = observation.row.event, message.role == .user,
            let id = observation.ownTopicID
        else { return [] }
        let moment = observation.at.wholeSeconds
        var entered = table
        entered.enterSession(observation.session.index)
        guard entered.index(of: .topic(id)).map({ entered.wouldReturn(entered.memories[$0], at: moment) }) ?? true
        else { return [] }
        return open(in: entered, at: moment).map { ReturnCandidate($0, at: moment, chosen: id) }
    }

    /// What the engine would predict of each.
    package func predictions(_ candidates: [ReturnCandidate]) -> [Double] { model.predict(candidates) }

    private func open(
        in table: MemoryTable<BehaviorNote>, at moment: Int64
    ) -> [TrackedMemory<BehaviorNote>] {
        table.memories.filter { table.wouldReturn($0, at: moment) }
    }

    private mutating func hear(_ role: Role, _ observation: Observation) {
        table.enterSession(observation.session.index)
        guard let id = observation.ownTopicID, role != .system else { return }
        let moment = observation.at.wholeSeconds
        let known = table.index(of: .topic(id))
        let isStretch = known.map { table.wouldReturn(table.memories[$0], at: moment) } ?? true
        if role == .user, isStretch {
            observeStretch(on: id, at: moment)
            review(.topic(id), grade: .good, at: moment)
        }
        table.hear(topic: id, isUser: role == .user, at: moment)
    }

    private mutating func observeStretch(on id: UInt32, at moment: Int64) {
        let memories = open(in: table, at: moment)
        guard !memories.isEmpty else { return }
        let candidates = memories.map { ReturnCandidate($0, at: moment, chosen: id) }
        for (index, predicted) in model.predict(candidates).enumerated() {
            let outcome = candidates[index].isChosen
            returnLog.record(predicted: predicted, outcome: outcome)
            record(predicted, outcome, of: memories[index])
        }
        model.learn(candidates)
    }

    private mutating func retrieve(_ retrieval: MemoryRetrieval, at moment: Int64) {
        let key = MemoryKey.retrieval(StableHash.hash(retrieval.memoryID))
        if retrieval.outcome != .unknown, let index = table.index(of: key) {
            let memory = table.memories[index]
            let (days, stability) = (memory.days(at: moment), Double(memory.stability))
            let predicted = model.recall(days: days, stability: stability)
            let recalled = retrieval.outcome == .recalled
            outcomeLog.record(predicted: predicted, outcome: recalled)
            record(predicted, recalled, of: memory)
            model.learn(days: days, stability: stability, recalled: recalled)
        }
        review(key, grade: FSRS6.Grade(retrieval), at: moment)
    }

    private mutating func record(_ predicted: Double, _ outcome: Bool, of memory: TrackedMemory<BehaviorNote>) {
        calibration.record(predicted: predicted, outcome: outcome)
        spacing.record(predicted: predicted, outcome: outcome, isSpaced: memory.note.isSpaced)
    }

    private mutating func review(_ key: MemoryKey, grade: FSRS6.Grade, at moment: Int64) {
        let before = table.index(of: key).map { table.memories[$0] }
        let index = table.review(key, grade: grade, at: moment)
        reviews += 1
        guard let before else { return }
        repeats += 1
        stabilityGain += Int((log(Double(table.memories[index].stability) / Double(before.stability)) * 1e6).rounded())
        let isSpaced = grade != .again && before.days(at: moment) >= 1
        if isSpaced { table.updateNote(at: index) { $0.isSpaced = true } }
    }

    package func encode(into writer: inout StateWriter) {
        table.encode(into: &writer)
        model.encode(into: &writer)
        returnLog.encode(into: &writer)
        outcomeLog.encode(into: &writer)
        calibration.encode(into: &writer)
        spacing.encode(into: &writer)
        writer.write(UInt64(reviews))
        writer.write(UInt64(repeats))
        writer.write(stabilityGain)
    }

    package init(from reader: inout StateReader) throws(StateError) {
        table = try MemoryTable(from: &reader)
        model = try StrengthModel(from: &reader)
        returnLog = try RecallLog(.returns, from: &reader)
        outcomeLog = try RecallLog(.outcomes, from: &reader)
        calibration = try Calibration(from: &reader)
        spacing = try SpacingTally(from: &reader)
        reviews = try reader.readMemoryCount()
        repeats = try reader.readMemoryCount()
        stabilityGain = try reader.readInt()
        guard repeats <= reviews, stabilityGain.magnitude < 1 << 53 else {
            throw StateError(offset: 0, expected: "repeats among the reviews")
        }
    }
}

extension ReturnCandidate {
    fileprivate init(_ memory: TrackedMemory<BehaviorNote>, at moment: Int64, chosen id: UInt32) {
        self.init(
            elapsed: memory.elapsed(at: moment), stability: Double(memory.stability),
            isChosen: memory.key == .topic(id))
    }
}
