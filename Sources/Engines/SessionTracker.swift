import Bytes
import Model

/// Cuts a pair's messages into sessions: by conversation id where both messages have one, else by 30 minutes of
/// silence.
package struct SessionTracker: Equatable, Sendable {
    /// Sessions so far minus one; -1 before the first message.
    package private(set) var index = -1
    package private(set) var startedAt = Timestamp(microseconds: 0)
    package private(set) var lastAt = Timestamp(microseconds: 0)
    package private(set) var messages = 0
    private var conversationID: String?

    package init() {}

    /// Takes a message in and tells where it stands.
    package mutating func observe(_ message: Message, at time: Timestamp) -> SessionPosition {
        let opens = index < 0 || startsSession(message, at: time)
        if opens {
            index += 1
            startedAt = time
            messages = 0
        }
        let position = SessionPosition(
            index: index, startedAt: startedAt, isFirstMessage: opens, messagesBefore: messages)
        messages += 1
        lastAt = time
        conversationID = message.conversationID
        return position
    }

    /// Where a row that is no message stands: inside the running session, which it does not change.
    package var position: SessionPosition {
        SessionPosition(
            index: Swift.max(index, 0), startedAt: startedAt, isFirstMessage: false, messagesBefore: messages)
    }

    private func startsSession(_ message: Message, at time: Timestamp) -> Bool {
        if let conversationID, let next = message.conversationID { return conversationID != next }
        return time.seconds(since: lastAt) > Limits.sessionGapSeconds
    }

    package func encode(into writer: inout StateWriter) {
        writer.write(index)
        writer.write(startedAt)
        writer.write(lastAt)
        writer.write(messages)
        writer.write(conversationID) { $0.write($1) }
    }

    package init(from reader: inout StateReader) throws(StateError) {
        index = try reader.readInt(in: -1...StateReader.tallyMax)
        startedAt = try reader.readTimestamp()
        lastAt = try reader.readTimestamp()
        messages = try reader.readInt(in: 0...StateReader.tallyMax)
        conversationID = try reader.readOptional { reader throws(StateError) in try reader.readString() }
    }
}

extension StateReader {
    /// Counts stay below it: far beyond what a pair can have, and far enough from overflow to be counted on from.
    static let tallyMax = 1 << 40

    /// Reads a signed integer of a range; what lies outside no writer wrote.
    mutating func readInt(in range: ClosedRange<Int>) throws(StateError) -> Int {
        let value = try readInt()
        guard range.contains(value) else {
            throw fault("an integer of \(range.lowerBound)…\(range.upperBound)")
        }
        return value
    }
}
