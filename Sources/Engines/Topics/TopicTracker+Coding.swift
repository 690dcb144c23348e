import Bytes
import Model

extension TopicTracker {
    /// Counts above this are not a conversation's, and let no sum overflow.
    static let countMax: UInt64 = 1 << 40

    /// Appends the tracker's state.
    package func encode(into writer: inout StateWriter) {
        writer.write(UInt64(nextID))
        writer.write(runningTopicID) { writer, id in writer.write(UInt64(id)) }
        writer.write(Int64(sessionIndex))
        context.encode(into: &writer)
        writer.write(list: stored) { writer, topic in Self.encode(topic, into: &writer) }
        writer.write(list: edges) { writer, edge in
            writer.write(UInt64(edge.from))
            writer.write(UInt64(edge.to))
            writer.write(edge.weight)
        }
    }

    private static func encode(_ topic: Topic, into writer: inout StateWriter) {
        writer.write(UInt64(topic.id))
        writer.write(topic.firstSeen)
        writer.write(topic.lastSeen &- topic.firstSeen)
        writer.write(UInt64(topic.messageCount))
        writer.write(UInt64(topic.userMessageCount))
        writer.write(topic.weight)
        topic.terms.encode(into: &writer)
        writer.write(topic.centroid) { $1.encode(into: &$0) }
    }

    /// Reads what `encode(into:)` wrote.
    ///
    /// - Parameter reader: Stands at the tracker's first byte; afterwards behind its last.
    /// - Throws: `StateError` for anything that no tracker writes.
    package init(from reader: inout StateReader) throws(StateError) {
        nextID = UInt32(try reader.readUnsigned(max: 1 << 31))
        runningTopicID = try reader.readOptional { reader throws(StateError) in
            UInt32(try reader.readUnsigned(max: UInt64(UInt32.max)))
        }
        sessionIndex = try reader.readInt()
        context = try SwitchContext(from: &reader)
        stored = try reader.readList(max: Limits.topicsTrackedMax) { reader throws(StateError) in
            try Self.readTopic(from: &reader)
        }
        edges = try reader.readList(max: Self.transitionsMax) { reader throws(StateError) in
            let from = UInt32(try reader.readUnsigned(max: UInt64(UInt32.max)))
            let to = UInt32(try reader.readUnsigned(max: UInt64(UInt32.max)))
            return Edge(from: from, to: to, weight: try reader.readWeight())
        }
        try validate(reader)
    }

    private func validate(_ reader: StateReader) throws(StateError) {
        for (index, topic) in stored.enumerated() {
            guard topic.id < nextID, !stored[..<index].contains(where: { $0.id == topic.id }) else {
                throw reader.fault("topics with different known ids")
            }
        }
        for edge in edges where stored.count(where: { $0.id == edge.from || $0.id == edge.to }) != 2 {
            throw reader.fault("transitions between known topics")
        }
        guard (runningTopicID == nil) == stored.isEmpty,
            runningTopicID.map({ id in stored.contains { $0.id == id } }) ?? true
        else { throw reader.fault("a running topic that is known") }
    }

    private static func readTopic(from reader: inout StateReader) throws(StateError) -> Topic {
        let id = UInt32(try reader.readUnsigned(max: UInt64(UInt32.max)))
        let first = try reader.readSigned()
        let lasted = try reader.readSigned()
        let secondsMax = Int64.max / 1_000_000
        guard first.magnitude <= secondsMax.magnitude, lasted >= 0, lasted <= 2 * secondsMax,
            first + lasted <= secondsMax
        else { throw reader.fault("a topic's times") }
        let messages = Int(try reader.readUnsigned(max: countMax))
        let userMessages = Int(try reader.readUnsigned(max: UInt64(messages)))
        let weight = try reader.readWeight()
        let terms = try TopicTerms(from: &reader)
        let centroid = try reader.readOptional { reader throws(StateError) in
            try SwitchContext.Centroid(from: &reader)
        }
        return Topic(
            id: id, firstSeen: first, lastSeen: first + lasted, messageCount: messages,
            userMessageCount: userMessages, weight: weight, terms: terms, centroid: centroid)
    }
}

extension StateReader {
    /// Reads an unsigned integer and throws when it is above `max`.
    mutating func readUnsigned(max: UInt64) throws(StateError) -> UInt64 {
        let value = try readUnsigned()
        guard value <= max else { throw fault("at most \(max)") }
        return value
    }

    /// Reads a float that is a weight: finite and not negative.
    mutating func readWeight() throws(StateError) -> Float {
        let value = try readFloat()
        guard value >= 0, value.isFinite else { throw fault("a weight") }
        return value
    }
}
