import Bytes
import Engines
import Foundation
import Model
import Testing

@Suite("Memory aging")
struct MemoryAgingTests {
    private func reviews(_ rows: [Observation]) throws -> [String: Int64] {
        let json = try JSONValue(parsing: #require(MemoryAging.folding(rows).row.memoryCandidates))
        var counts: [String: Int64] = [:]
        for memory in try #require(json.array) {
            counts[try #require(memory["id"]?.string)] = memory["reviews"]?.int64
        }
        return counts
    }

    @Test("Candidates are written newest first, with everything a reader needs")
    func candidates() throws {
        var script = MemoryScript()
        let rows = [
            script.message(.user, topic: 3, label: "sailing, \"knots\""), script.user(5, after: 100),
            script.retrieval("m-1", .missed, after: 0),
        ]
        #expect(
            MemoryAging.folding(rows).row.memoryCandidates
                == #"[{"id":"topic:5","kind":"topic","label":"label 5","first":1525575710,"last":1525575710,"#
                + #""stability":2.3065,"difficulty":2.118,"reviews":1},"#
                + #"{"id":"m-1","kind":"retrieval","label":"m-1","first":1525575710,"last":1525575710,"#
                + #""stability":0.212,"difficulty":6.413,"reviews":1},"#
                + #"{"id":"topic:3","kind":"topic","label":"sailing, \"knots\"","first":1525575610,"#
                + #""last":1525575610,"stability":2.3065,"difficulty":2.118,"reviews":1}]"#)
    }

    @Test("Messages that stay on a topic are one review, returns are another")
    func stretches() throws {
        var script = MemoryScript()
        var rows = [script.user(1), script.user(1), script.bot(1), script.user(1)]
        #expect(try reviews(rows) == ["topic:1": 1])
        rows += [script.bot(2), script.user(1)]
        #expect(try reviews(rows) == ["topic:1": 2], "another topic ran in between, but not of the user's own")
        rows += [script.user(1, after: 599)]
        #expect(try reviews(rows) == ["topic:1": 2])
        rows += [script.user(1, after: 600)]
        #expect(try reviews(rows) == ["topic:1": 3])
        script.session = 1
        rows += [script.user(1)]
        #expect(try reviews(rows) == ["topic:1": 4])
    }

    @Test("A stretch moves the last-seen time to its last message")
    func lastSeen() throws {
        var script = MemoryScript()
        let rows = [script.user(1), script.user(1, after: 300)]
        let json = try JSONValue(parsing: #require(MemoryAging.folding(rows).row.memoryCandidates))
        #expect(json[0]?["last"]?.int64 == script.now)
        #expect(json[0]?["first"]?.int64 == script.now - 300)
    }

    @Test("Acknowledgements, other people's topics and other rows are no memories")
    func nothing() {
        var script = MemoryScript()
        let rows = [
            script.bot(1), script.user(nil), script.message(.user, topic: 1, isAcknowledgement: true),
            script.message(.system, topic: 4), script.metric(),
        ]
        let row = MemoryAging.folding(rows).row
        #expect(row.nullReasons[.memoryAging] == "no retrieval and no topic in the user's own messages yet")
        #expect(row.memoryCandidates == nil && row.memoryFirstSeenMean == nil && row.memoryEventFirst == nil)
        #expect(row.memoryEventLast == nil && row.memoryEventFast == nil && row.memoryEventSlow == nil)
        #expect(row.topicDrift == nil && row.unvalidated == [.memoryAging])
    }

    @Test(
        "Outcome and score of a retrieval decide its grade",
        arguments: [
            (RecallOutcome.missed, 0.9, FSRS6.Grade.again), (.unknown, 0.1, .good), (.recalled, 0.9, .good),
            (.recalled, 0.49, .hard), (.recalled, .nan, .good), (.recalled, -3, .good), (.recalled, 40, .good),
        ])
    func grades(outcome: RecallOutcome, score: Double, grade: FSRS6.Grade) throws {
        var script = MemoryScript()
        let row = MemoryAging.folding([script.retrieval("m", outcome, score: score)]).row
        let json = try JSONValue(parsing: #require(row.memoryCandidates))
        #expect(try abs(#require(json[0]?["stability"]?.double) - FSRS6.published.first(grade).stability) < 1e-4)
    }

    @Test("A second review follows FSRS-6 over the days between")
    func secondReview() throws {
        var script = MemoryScript()
        let rows = [script.retrieval("m", .recalled), script.retrieval("m", .missed, after: 9 * 86400 + 5000)]
        let json = try JSONValue(parsing: #require(MemoryAging.folding(rows).row.memoryCandidates))
        let expected = FSRS6.published.reviewed(FSRS6.published.first(.good), afterDays: 9.1, grade: .again)
        #expect(try abs(#require(json[0]?["stability"]?.double) - expected.stability) < 1e-4)
        #expect(try abs(#require(json[0]?["difficulty"]?.double) - expected.difficulty) < 1e-3)
    }

    @Test("Events after the first fade with 14 and 90 days, anchored at the last one, shrunk by their dispersion")
    func events() {
        var script = MemoryScript()
        let rows = [
            script.user(1), script.user(1), script.user(2, after: 86400), script.retrieval("m", .unknown, after: 86400),
        ]
        let row = MemoryAging.folding(rows).row
        // Two days are too few for a dispersion other than the prior's.
        let dispersion = (1 + 1.3 * (2 - 1)) * (1 + 8 / 2.0)
        #expect(abs((row.memoryEventFast ?? 0) - (1 + exp(-1 / 14.0)) / dispersion) < 1e-5)
        #expect(abs((row.memoryEventSlow ?? 0) - (1 + exp(-1 / 90.0)) / dispersion) < 1e-5)
        #expect(row.memoryEventFirst == rows[0].at && row.memoryEventLast == rows[3].at)
    }

    @Test("The mean of the first-seen times is over what is tracked")
    func firstSeenMean() {
        var script = MemoryScript()
        let rows = [script.user(1), script.user(2, after: 101), script.user(1, after: 5000)]
        let expected = Timestamp(microseconds: rows[0].at.microseconds + 50_500_000)
        #expect(MemoryAging.folding(rows).row.memoryFirstSeenMean == expected)
    }

    @Test("When the table is full, the least retrievable memory goes")
    func eviction() throws {
        var script = MemoryScript()
        var rows = [script.retrieval("weak", .missed)]
        rows += (0..<15).map { script.user(UInt32($0)) }
        #expect(try reviews(rows)["weak"] == 1)
        rows.append(script.user(99))
        var counts = try reviews(rows)
        #expect(counts.count == Limits.memoryCandidatesMax && counts["weak"] == nil && counts["topic:0"] == 1)
        rows.append(script.user(100))
        counts = try reviews(rows)
        #expect(counts.count == Limits.memoryCandidatesMax && counts["topic:0"] == nil && counts["topic:1"] == 1)
    }

    @Test("Drift is the distance between recent and long-run topics, and says why it is missing")
    func drift() throws {
        var script = MemoryScript()
        var rows = [script.user(1), script.user(1)]
        let early = MemoryAging.folding(rows).row
        #expect(
            early.nullReasons[.memoryAging]
                == "topic_drift: expected at least 2 topics and 4 stretches of talk on them, got: 1 and 1")
        #expect(early.memoryCandidates != nil)
        for _ in 0..<30 { rows += [script.user(1), script.user(2)] }
        let steady = try #require(MemoryAging.folding(rows).row.topicDrift)
        for _ in 0..<4 { rows += [script.user(3), script.user(4)] }
        let shifted = try #require(MemoryAging.folding(rows).row.topicDrift)
        #expect(steady < 0.01 && shifted > 0.15 && shifted <= 1)
        #expect(MemoryAging.folding(rows).row.nullReasons.isEmpty)
    }

    @Test("Recall that follows the curve validates the engine, recall that does not, does not")
    func validation() {
        var script = MemoryScript()
        var faithful: [Observation] = []
        var random: [Observation] = []
        for index in 0..<60 {
            let isLate = index % 3 == 2
            faithful.append(script.retrieval("m", isLate ? .missed : .recalled, after: isLate ? 400_000_000 : 60))
            random.append(script.retrieval("m", index % 7 < 3 ? .recalled : .missed, after: 50))
        }
        #expect(!MemoryAging.folding(faithful).row.unvalidated.contains(.memoryAging))
        #expect(MemoryAging.folding(random).row.unvalidated.contains(.memoryAging))
    }
}
