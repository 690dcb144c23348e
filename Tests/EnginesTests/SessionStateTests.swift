import Bytes
import Engines
import Model
import Testing

@Suite("State of sessions")
struct SessionStateTests {
    /// A state as the tracker writes it, with counts of one's choice.
    private func tracker(index: Int, messages: Int) throws -> SessionTracker {
        var writer = StateWriter()
        writer.write(index)
        writer.write(Timestamp(microseconds: 0))
        writer.write(Timestamp(microseconds: 0))
        writer.write(messages)
        writer.write(nil as String?) { $0.write($1) }
        var reader = StateReader(writer.bytes)
        return try SessionTracker(from: &reader)
    }

    @Test(
        "counts that no writer writes are refused: going on from them ended the process",
        arguments: [(-2, 0), (.min, 0), (.max, 0), (0, -1), (0, .min), (0, .max)])
    func refused(index: Int, messages: Int) {
        let error = #expect(throws: StateError.self) { try tracker(index: index, messages: messages) }
        #expect(error?.expected.hasPrefix("an integer of") == true)
    }

    @Test func everyCountThatIsWrittenIsRead() throws {
        #expect(try tracker(index: -1, messages: 0) == SessionTracker())
        #expect(try tracker(index: 7, messages: 300).messages == 300)
    }

    @Test(arguments: [(-1, 0), (.max, 0), (0, -1), (0, .max)])
    func countsOfAPairAreRefusedToo(rows: Int, messages: Int) throws {
        var writer = StateWriter()
        writer.write(byte: UInt8(truncatingIfNeeded: PairState.engineVersion))
        writer.write(Timestamp(microseconds: 0))
        writer.write(byte: 0)
        writer.write(1)
        writer.write(rows)
        writer.write(messages)
        let error = #expect(throws: StateError.self) { try PairState(decoding: writer.bytes) }
        #expect(error?.expected.hasPrefix("an integer of") == true)
    }
}
