import Bytes
import Model

/// Everything that is known of a pair: a pure fold over its rows in order.
///
/// Invariants: the same rows in the same order give the same bytes and the same strategic row, wherever the fold was
/// interrupted by `encoded()` and `init(decoding:)`; the encoded form never exceeds `Limits.stateBytesMax`.
package struct PairState: Sendable {
    /// Grows whenever the meaning of the state or of a column changes: every pair is then rebuilt from its history.
    package static let engineVersion: Int32 = 4
    /// Within a session a checkpoint is due every so many messages, so that a late row never replays more.
    package static let checkpointMessagesMax = 256

    /// The newest row applied.
    package private(set) var lastKey = OrderKey.start
    package private(set) var rowsApplied: Int64 = 0
    package private(set) var messagesReflected: Int64 = 0
    private var newestMessageAt: Timestamp?
    private var sessions = SessionTracker()
    private var previous: PreviousMessage?
    private var topics = TopicTracker()
    private(set) var memoryAging = MemoryAging()
    private var character = CharacterContributionEngine()
    private(set) var personality = PersonalityEvolutionEngine()
    private(set) var contextSwitch = ContextSwitchEngine()
    private(set) var memoryBehavior = MemoryBehavior()
    private(set) var style = ConversationStyleEngine()
    private(set) var engagement = ProactiveEngagementEngine()

    package init() {}

    /// What the pair adds to its bot's hourly buckets.
    package var contributions: BotContributions { character.contributions }

    /// Folds one row in.
    ///
    /// - Parameters:
    ///   - row: must follow `lastKey`; the caller sees to that, because only it can reread what came before.
    ///   - analyzer: the same for every row of a configuration.
    package mutating func apply(_ row: InputRow, analyzer: TextAnalyzer) {
        var probe = NoProbe()
        apply(row, analyzer: analyzer, probe: &probe)
    }

    /// Folds one row in, and tells what time its parts took.
    package mutating func apply(_ row: InputRow, analyzer: TextAnalyzer, stopwatch: inout EngineStopwatch) {
        stopwatch.start()
        apply(row, analyzer: analyzer, probe: &stopwatch)
    }

    private mutating func apply(_ row: InputRow, analyzer: TextAnalyzer, probe: inout some EngineProbe) {
        precondition(lastKey < row.key, "expected a row after \(lastKey), got: \(row.key)")
        lastKey = row.key
        rowsApplied += 1
        if case .message(let message) = row.event {
            apply(message, in: row, analyzer: analyzer, probe: &probe)
        } else {
            fold(
                Observation(
                    row: row, session: sessions.position, previous: previous, analysis: nil, topic: nil),
                probe: &probe)
        }
    }

    private mutating func apply(
        _ message: Message, in row: InputRow, analyzer: TextAnalyzer, probe: inout some EngineProbe
    ) {
        messagesReflected += 1
        newestMessageAt = row.effectiveAt
        guard message.role != .system else { return }
        let session = sessions.observe(message, at: row.effectiveAt)
        let analysis = analyzer.analyze(
            content: message.content, suppliedEmotion: message.emotion, suppliedEmbedding: message.embedding)
        probe.passed(.text)
        let topic = topics.observe(
            analysis, role: message.role, at: row.effectiveAt, session: session, previous: previous)
        probe.passed(.topics)
        fold(
            Observation(row: row, session: session, previous: previous, analysis: analysis, topic: topic),
            probe: &probe)
        previous = PreviousMessage(
            role: message.role, at: row.effectiveAt, wordCount: analysis.wordCount, isQuestion: analysis.isQuestion)
    }

    private mutating func fold(_ observation: Observation, probe: inout some EngineProbe) {
        memoryAging.apply(observation)
        probe.passed(.memoryAging)
        character.apply(observation)
        probe.passed(.characterPerformance)
        personality.apply(observation)
        probe.passed(.personalityEvolution)
        contextSwitch.apply(observation)
        probe.passed(.contextSwitch)
        memoryBehavior.apply(observation)
        probe.passed(.memoryBehavior)
        style.apply(observation)
        probe.passed(.conversationPatterns)
        engagement.apply(observation)
        probe.passed(.proactiveEngagement)
    }

    /// The pair's signals as of the rows applied; free of any clock.
    package func strategicRow(for pair: Pair) -> StrategicRow {
        var probe = NoProbe()
        return strategicRow(for: pair, probe: &probe)
    }

    /// The same, telling what time its parts took.
    package func strategicRow(for pair: Pair, stopwatch: inout EngineStopwatch) -> StrategicRow {
        stopwatch.start()
        return strategicRow(for: pair, probe: &stopwatch)
    }

    private func strategicRow(for pair: Pair, probe: inout some EngineProbe) -> StrategicRow {
        var row = StrategicRow(pair: pair)
        row.reflectsThrough = newestMessageAt
        row.messagesReflected = messagesReflected
        memoryAging.contribute(to: &row, topics: topics)
        probe.passed(.memoryAging)
        character.contribute(to: &row, topics: topics)
        probe.passed(.characterPerformance)
        personality.contribute(to: &row, topics: topics)
        probe.passed(.personalityEvolution)
        contextSwitch.contribute(to: &row, topics: topics)
        probe.passed(.contextSwitch)
        memoryBehavior.contribute(to: &row, topics: topics)
        probe.passed(.memoryBehavior)
        style.contribute(to: &row, topics: topics)
        probe.passed(.conversationPatterns)
        engagement.contribute(to: &row, topics: topics)
        probe.passed(.proactiveEngagement)
        return row
    }

    /// Where in `rows` the newest checkpoint lies.
    ///
    /// - Parameter rows: in order, all after `lastKey`.
    /// - Returns: the index of the row before which the state should be kept; nil when none of them starts a session
    ///   (or reaches the next multiple of `checkpointMessagesMax` in one).
    package func checkpointIndex(before rows: some Collection<InputRow>) -> Int? {
        var tracker = sessions
        var found: Int?
        for (index, row) in rows.enumerated() {
            guard case .message(let message) = row.event, message.role != .system else { continue }
            let position = tracker.observe(message, at: row.effectiveAt)
            if position.messagesBefore % Self.checkpointMessagesMax == 0 { found = index }
        }
        return found
    }
}

extension PairState {
    /// The compact binary form; `init(decoding:)` of it continues the fold exactly.
    package func encoded() -> [UInt8] {
        var writer = StateWriter()
        writer.write(byte: UInt8(truncatingIfNeeded: Self.engineVersion))
        writer.write(lastKey.effectiveAt)
        writer.write(byte: lastKey.stream)
        writer.write(lastKey.id)
        writer.write(rowsApplied)
        writer.write(messagesReflected)
        writer.write(newestMessageAt) { $0.write($1) }
        sessions.encode(into: &writer)
        writer.write(previous) { writer, message in
            writer.write(byte: message.role.rawValue)
            writer.write(message.at)
            writer.write(message.wordCount)
            writer.write(message.isQuestion)
        }
        topics.encode(into: &writer)
        memoryAging.encode(into: &writer)
        character.encode(into: &writer)
        personality.encode(into: &writer)
        contextSwitch.encode(into: &writer)
        memoryBehavior.encode(into: &writer)
        style.encode(into: &writer)
        engagement.encode(into: &writer)
        return writer.bytes
    }

    /// Continues from what `encoded()` wrote.
    ///
    /// - Throws: `StateError` when the bytes are not such a state of this engine version; never traps.
    package init(decoding bytes: [UInt8]) throws(StateError) {
        var reader = StateReader(bytes)
        guard try reader.readByte() == UInt8(truncatingIfNeeded: Self.engineVersion) else {
            throw StateError(offset: 0, expected: "engine version \(Self.engineVersion)")
        }
        let effectiveAt = try reader.readTimestamp()
        let stream = try reader.readByte()
        lastKey = OrderKey(effectiveAt: effectiveAt, stream: stream, id: try reader.readSigned())
        rowsApplied = Int64(try reader.readInt(in: 0...StateReader.tallyMax))
        messagesReflected = Int64(try reader.readInt(in: 0...StateReader.tallyMax))
        newestMessageAt = try reader.readOptional { reader throws(StateError) in try reader.readTimestamp() }
        sessions = try SessionTracker(from: &reader)
        previous = try reader.readOptional { reader throws(StateError) in try PreviousMessage(from: &reader) }
        topics = try TopicTracker(from: &reader)
        memoryAging = try MemoryAging(from: &reader)
        character = try CharacterContributionEngine(from: &reader)
        personality = try PersonalityEvolutionEngine(from: &reader)
        contextSwitch = try ContextSwitchEngine(from: &reader)
        memoryBehavior = try MemoryBehavior(from: &reader)
        style = try ConversationStyleEngine(from: &reader)
        engagement = try ProactiveEngagementEngine(from: &reader)
        try reader.finish()
    }
}

extension PreviousMessage {
    fileprivate init(from reader: inout StateReader) throws(StateError) {
        guard let role = Role(rawValue: try reader.readByte()) else {
            throw StateError(offset: 0, expected: "a role")
        }
        self.init(
            role: role, at: try reader.readTimestamp(), wordCount: try reader.readInt(in: 0...StateReader.tallyMax),
            isQuestion: try reader.readBool())
    }
}
