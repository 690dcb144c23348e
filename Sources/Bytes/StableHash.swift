/// 64-bit hashes that are the same on every platform, in every process and in every version.
///
/// What they give is stored (term hashes, n-gram buckets), so the functions can never change. They are not
/// cryptographic: where somebody could choose the input to collide, use `keyed`; for checksums use `SHA256`.
///
/// Source: Fowler, Noll and Vo, FNV-1a (RFC 9923); finaliser of MurmurHash3 (Appleby, public domain);
/// Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
package enum StableHash {
    /// The state of FNV-1a before the first byte.
    package static let basis: UInt64 = 0xcbf2_9ce4_8422_2325

    /// FNV-1a with one more byte; start from `basis`.
    @inline(__always)
    package static func fnv1a(_ state: UInt64, _ byte: UInt8) -> UInt64 {
        (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }

    /// Spreads every bit of a number over all 64.
    @inline(__always)
    package static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed ^= mixed >> 33
        mixed = mixed &* 0xff51_afd7_ed55_8ccd
        mixed ^= mixed >> 33
        mixed = mixed &* 0xc4ce_b9fe_1a85_ec53
        return mixed ^ mixed >> 33
    }

    /// The hash of bytes: `mix(fnv1a)`, begun from the basis and the seed.
    ///
    /// - Parameters:
    ///   - bytes: any bytes.
    ///   - seed: another seed gives an independent hash; 0 is the usual one.
    /// - Returns: 64 evenly spread bits.
    /// - Complexity: O(n), about a nanosecond a byte.
    package static func hash(_ bytes: Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
        var state = basis ^ mix(seed)
        for index in bytes.indices { state = fnv1a(state, bytes[index]) }
        return mix(state)
    }

    /// The hash of bytes.
    package static func hash(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 { hash(bytes.span, seed: seed) }

    /// The hash of a string's UTF-8.
    package static func hash(_ text: String, seed: UInt64 = 0) -> UInt64 { hash(text.utf8.span, seed: seed) }

    /// One hash out of two; the order counts.
    package static func combine(_ first: UInt64, _ second: UInt64) -> UInt64 {
        mix(mix(first) &+ 0x9e37_79b9_7f4a_7c15 &+ second)
    }

    /// SipHash-2-4 under a 128-bit key: nobody without the key can find collisions.
    ///
    /// - Parameters:
    ///   - bytes: any bytes.
    ///   - key: the first and second eight bytes of the key, little endian.
    /// - Returns: the 64-bit tag.
    package static func keyed(_ bytes: Span<UInt8>, key: (UInt64, UInt64)) -> UInt64 {
        var state = SipState(key: key)
        let whole = bytes.count & ~7
        for start in stride(from: 0, to: whole, by: 8) { state.absorb(word(bytes, start, 8)) }
        let tail = word(bytes, whole, bytes.count - whole) | UInt64(truncatingIfNeeded: bytes.count) << 56
        state.absorb(tail)
        return state.finish()
    }

    /// SipHash-2-4 of bytes under a key.
    package static func keyed(_ bytes: [UInt8], key: (UInt64, UInt64)) -> UInt64 { keyed(bytes.span, key: key) }

    /// SipHash-2-4 of a string's UTF-8 under a key.
    package static func keyed(_ text: String, key: (UInt64, UInt64)) -> UInt64 { keyed(text.utf8.span, key: key) }

    private static func word(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<count { value |= UInt64(bytes[start + index]) << UInt64(8 * index) }
        return value
    }
}

/// The four words of SipHash.
private struct SipState {
    var first: UInt64
    var second: UInt64
    var third: UInt64
    var fourth: UInt64

    init(key: (UInt64, UInt64)) {
        first = key.0 ^ 0x736f_6d65_7073_6575
        second = key.1 ^ 0x646f_7261_6e64_6f6d
        third = key.0 ^ 0x6c79_6765_6e65_7261
        fourth = key.1 ^ 0x7465_6462_7974_6573
    }

    mutating func absorb(_ word: UInt64) {
        fourth ^= word
        round()
        round()
        first ^= word
    }

    mutating func finish() -> UInt64 {
        third ^= 0xff
        for _ in 0..<4 { round() }
        return first ^ second ^ third ^ fourth
    }

    private mutating func round() {
        first = first &+ second
        second = rotate(second, 13) ^ first
        first = rotate(first, 32)
        third = third &+ fourth
        fourth = rotate(fourth, 16) ^ third
        first = first &+ fourth
        fourth = rotate(fourth, 21) ^ first
        third = third &+ second
        second = rotate(second, 17) ^ third
        third = rotate(third, 32)
    }

    private func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 { value << count | value >> (64 - count) }
}
