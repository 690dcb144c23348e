import Bytes
import Model

extension ContextSwitchEngine {
    /// Sums of microseconds stay below this: thirty thousand years.
    static let microsecondsMax: UInt64 = 1 << 60

    package func encode(into writer: inout StateWriter) {
        writer.write(list: segments) { writer, segment in
            writer.write(UInt64(segment.topicID))
            writer.write(segment.label)
            writer.write(segment.start)
            writer.write(segment.end)
        }
        writer.write(UInt64(segmentCount))
        writer.write(UInt64(segmentMicroseconds))
        writer.write(UInt64(talkMicroseconds))
        writer.write(UInt64(switchCount))
        writer.write(UInt64(messagesSinceSwitch))
        writer.write(lastMessageAt) { writer, at in writer.write(at) }
        writer.write(lastAsked)
        writer.write(Int64(sessionIndex))
        hazard.encode(into: &writer)
    }

    package init(from reader: inout StateReader) throws(StateError) {
        segments = try reader.readList(max: Limits.recentTopicsMax) { reader throws(StateError) in
            let id = UInt32(try reader.readUnsigned(max: UInt64(UInt32.max)))
            let label = try reader.readString()
            let start = try reader.readTimestamp()
            let end = try reader.readTimestamp()
            guard label.utf8.count <= Self.labelBytesMax, start <= end else { throw reader.fault("a segment") }
            return Segment(topicID: id, label: label, start: start, end: end)
        }
        segmentCount = Int(try reader.readUnsigned(max: TopicTracker.countMax))
        guard segmentCount >= segments.count, (segmentCount == 0) == segments.isEmpty else {
            throw reader.fault("as many segments as are kept, or more")
        }
        segmentMicroseconds = Int64(try reader.readUnsigned(max: Self.microsecondsMax))
        talkMicroseconds = Int64(try reader.readUnsigned(max: Self.microsecondsMax))
        switchCount = Int(try reader.readUnsigned(max: TopicTracker.countMax))
        messagesSinceSwitch = Int(try reader.readUnsigned(max: TopicTracker.countMax))
        lastMessageAt = try reader.readOptional { reader throws(StateError) in try reader.readTimestamp() }
        lastAsked = try reader.readBool()
        sessionIndex = try reader.readInt()
        hazard = try HazardModel(from: &reader)
    }
}
