import Bytes

extension StateReader {
    /// Reads a count, or a sum in millionths, so far from overflow that a pair's rows cannot get there.
    mutating func readMemoryCount() throws(StateError) -> Int {
        let value = try readUnsigned()
        guard value < 1 << 53 else { throw StateError(offset: 0, expected: "a count below 2^53") }
        return Int(value)
    }
}
