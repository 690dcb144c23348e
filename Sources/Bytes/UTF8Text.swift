/// Questions about UTF-8 bytes that are asked without making a string of them.
package enum UTF8Text {
    /// The offset of the first byte that is not valid UTF-8, or nil if all are.
    ///
    /// - Parameter bytes: any bytes.
    /// - Returns: where the first ill-formed sequence starts (overlong, surrogate, cut off or beyond U+10FFFF).
    /// - Complexity: O(n).
    package static func firstInvalidOffset(in bytes: Span<UInt8>) -> Int? {
        do {
            _ = try UTF8Span(validating: bytes)
            return nil
        } catch {
            return error.byteOffsets.lowerBound
        }
    }

    /// The offset of the first byte that is not valid UTF-8, or nil if all are.
    package static func firstInvalidOffset(in bytes: [UInt8]) -> Int? { firstInvalidOffset(in: bytes.span) }

    /// The bytes as a string, ill-formed sequences replaced by U+FFFD.
    package static func string(_ bytes: Span<UInt8>) -> String {
        if let valid = try? UTF8Span(validating: bytes) { return String(copying: valid) }
        return String(decoding: (0..<bytes.count).map { bytes[$0] }, as: UTF8.self)
    }

    /// Compares two strings byte by byte, as the "C" collation does: Unicode's equivalence plays no part.
    ///
    /// - Parameters:
    ///   - left: any string.
    ///   - right: any string.
    /// - Returns: below zero, zero or above, as the left one comes before, is equal to or comes after the right one.
    /// - Complexity: O(n) in the shorter one.
    package static func order(_ left: String, _ right: String) -> Int {
        let left = left.utf8.span
        let right = right.utf8.span
        let count = min(left.count, right.count)
        for index in 0..<count where left[index] != right[index] { return Int(left[index]) - Int(right[index]) }
        return left.count - right.count
    }

    /// Whether every byte is ASCII; eight at a time would not be faster than what the compiler makes of this.
    package static func isASCII(_ bytes: Span<UInt8>) -> Bool {
        var seen: UInt8 = 0
        for index in bytes.indices { seen |= bytes[index] }
        return seen < 0x80
    }

    /// How many scalars valid UTF-8 holds.
    package static func scalarCount(_ bytes: Span<UInt8>) -> Int {
        var count = 0
        for index in bytes.indices where bytes[index] & 0xC0 != 0x80 { count += 1 }
        return count
    }

    /// The length of the longest prefix of valid UTF-8 that has at most so many bytes and cuts no scalar.
    package static func prefixLength(_ bytes: Span<UInt8>, bytesMax: Int) -> Int {
        guard bytes.count > bytesMax else { return bytes.count }
        var end = max(0, bytesMax)
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return end
    }

    /// The scalar that starts at an offset of valid UTF-8, and its length in bytes.
    ///
    /// Ill-formed input gives U+FFFD of length 1, never a trap.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8.
    ///   - offset: where a scalar starts.
    /// - Returns: the scalar and its length, 1…4.
    @inline(__always)
    package static func scalar(in bytes: Span<UInt8>, at offset: Int) -> (scalar: Unicode.Scalar, length: Int) {
        let first = bytes[offset]
        if first < 0x80 { return (Unicode.Scalar(first), 1) }
        return wideScalar(in: bytes, at: offset)
    }

    private static func wideScalar(in bytes: Span<UInt8>, at offset: Int) -> (scalar: Unicode.Scalar, length: Int) {
        let first = bytes[offset]
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 1
        guard length > 1, first < 0xF5, offset + length <= bytes.count else { return ("\u{FFFD}", 1) }
        var code = UInt32(first) & (0xFF >> UInt32(length + 1))
        for index in offset + 1..<offset + length {
            guard bytes[index] & 0xC0 == 0x80 else { return ("\u{FFFD}", 1) }
            code = code << 6 | UInt32(bytes[index] & 0x3F)
        }
        let lowest: [UInt32] = [0, 0, 0x80, 0x800, 0x10000]
        guard code >= lowest[length], let scalar = Unicode.Scalar(code) else { return ("\u{FFFD}", 1) }
        return (scalar, length)
    }

    /// Appends the UTF-8 form of a scalar.
    @inline(__always)
    package static func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
        let code = scalar.value
        if code < 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: code))
        } else if code < 0x800 {
            bytes.append(0xC0 | UInt8(truncatingIfNeeded: code >> 6))
            bytes.append(0x80 | UInt8(truncatingIfNeeded: code & 0x3F))
        } else if code < 0x10000 {
            bytes.append(0xE0 | UInt8(truncatingIfNeeded: code >> 12))
            bytes.append(0x80 | UInt8(truncatingIfNeeded: code >> 6 & 0x3F))
            bytes.append(0x80 | UInt8(truncatingIfNeeded: code & 0x3F))
        } else {
            bytes.append(0xF0 | UInt8(truncatingIfNeeded: code >> 18))
            bytes.append(0x80 | UInt8(truncatingIfNeeded: code >> 12 & 0x3F))
            bytes.append(0x80 | UInt8(truncatingIfNeeded: code >> 6 & 0x3F))
            bytes.append(0x80 | UInt8(truncatingIfNeeded: code & 0x3F))
        }
    }
}
