import Bytes
import Model

/// The table's form in the engine state: about 18 bytes a memory, and its note.
extension MemoryTable {
    /// Writes the table, memories in the order they were first seen.
    func encode(into writer: inout StateWriter) {
        writer.write(UInt64(ordinal))
        writer.write(sessionIndex)
        writer.write(UInt64(ordinal - sessionStart))
        writer.write(list: memories) { writer, memory in
            switch memory.key {
            case .topic(let id):
                writer.write(byte: 0)
                writer.write(UInt64(id))
            case .retrieval(let hash):
                writer.write(byte: 1)
                writer.write(hash)
            }
            writer.write(memory.firstSeen)
            writer.write(UInt64(memory.lastSeen - memory.firstSeen))
            writer.write(memory.stability)
            writer.write(memory.difficulty)
            writer.write(UInt64(memory.reviews))
            writer.write(UInt64(ordinal - memory.lastOrdinal))
            memory.note.encode(into: &writer)
        }
    }

    /// Reads what `encode` wrote.
    init(from reader: inout StateReader) throws(StateError) {
        let total = try reader.readMemoryCount()
        let session = try reader.readInt()
        let sinceSession = try reader.readMemoryCount()
        guard sinceSession <= total else { throw StateError(offset: 0, expected: "a session within the messages") }
        let memories = try reader.readList(max: Limits.memoryCandidatesMax) { reader throws(StateError) in
            try Self.memory(from: &reader, ordinal: total)
        }
        guard Set(memories.map(\.key)).count == memories.count else {
            throw StateError(offset: 0, expected: "memories that differ")
        }
        self.init(memories: memories, ordinal: total, sessionIndex: session, sessionStart: total - sinceSession)
    }

    private static func memory(
        from reader: inout StateReader, ordinal: Int
    ) throws(StateError) -> TrackedMemory<Note> {
        let kind = try reader.readByte()
        let number = try reader.readUnsigned()
        guard kind == 1 || (kind == 0 && number <= UInt64(UInt32.max)) else {
            throw StateError(offset: 0, expected: "a topic or a retrieval")
        }
        let first = try reader.readSigned()
        let lasted = try reader.readUnsigned()
        let stability = try reader.readFloat()
        let difficulty = try reader.readFloat()
        let reviews = try reader.readMemoryCount()
        let since = try reader.readMemoryCount()
        let secondsMax = Int64.max / 1_000_000 + 1
        guard first.magnitude <= UInt64(secondsMax), lasted <= UInt64(2 * secondsMax),
            Float(FSRS6.stabilityMin)...Float(stabilityMax) ~= stability, 1...10 ~= difficulty, reviews >= 1,
            since <= ordinal
        else { throw StateError(offset: 0, expected: "a memory within its ranges") }
        return TrackedMemory(
            key: kind == 0 ? .topic(UInt32(number)) : .retrieval(number), firstSeen: first,
            lastSeen: first + Int64(lasted), stability: stability, difficulty: difficulty, reviews: reviews,
            lastOrdinal: ordinal - since, note: try Note(from: &reader))
    }
}
