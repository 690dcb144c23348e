import Bytes

#if canImport(Glibc)
    import Glibc
#endif

/// How many different terms a user has used, by HyperLogLog with 64 registers, about 13 % off.
///
/// Source: Flajolet, Fusy, Gandouet and Meunier 2007.
///
/// Richness is Herdan's C = ln(different terms) / ln(terms), which changes little with the length of the text.
struct Vocabulary: Equatable, Sendable {
    static let registerCount = 64

    private(set) var registers = [UInt8](repeating: 0, count: registerCount)
    private(set) var termCount = 0

    init() {}

    mutating func add(_ hash: UInt64) {
        let mixed = StableHash.mix(hash)
        let register = Int(mixed >> 58)
        let rank = UInt8(min((mixed << 6).leadingZeroBitCount, 58) + 1)
        registers[register] = max(registers[register], rank)
        termCount += 1
    }

    /// Estimated number of different terms.
    var distinct: Double {
        let count = Double(Self.registerCount)
        var sum = 0.0
        var empty = 0
        for register in registers {
            sum += exp2(-Double(register))
            if register == 0 { empty += 1 }
        }
        let estimate = 0.709 * count * count / sum
        if estimate <= 2.5 * count && empty > 0 { return count * log(count / Double(empty)) }
        return estimate
    }

    /// Herdan's C, 0…1; nil below 20 terms.
    var richness: Double? {
        guard termCount >= 20 else { return nil }
        return min(max(log(max(distinct, 1)) / log(Double(termCount)), 0), 1)
    }

    func encode(into writer: inout StateWriter) {
        writer.write(UInt64(termCount))
        for register in registers { writer.write(byte: register) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        termCount = Int(try reader.readUnsigned(max: TopicTracker.countMax))
        for index in registers.indices {
            registers[index] = try reader.readByte()
            guard registers[index] <= 59 else { throw reader.fault("a rank of at most 59") }
        }
    }
}
