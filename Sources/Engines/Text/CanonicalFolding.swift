/// Takes accents and case away from a scalar: NFD, then without category Mn, then lower case scalar by scalar.
///
/// The order of marks is of no concern since they go; it is not NFKD, so ligatures and superscripts stay.
/// Source: Unicode Standard Annex 15, canonical decomposition.
enum CanonicalFolding {
    /// What is left of a scalar: nothing of a mark, up to three scalars of a Hangul syllable.
    ///
    /// - Complexity: O(log n) in the size of the table, and only beyond ASCII.
    static func fold(_ scalar: Unicode.Scalar) -> FoldedScalars {
        let code = scalar.value
        if code < 0x80 { return FoldedScalars(lowerASCII(scalar)) }
        if code < 0xC0 { return FoldedScalars(scalar) }
        if (0xAC00...0xD7A3).contains(code) { return decomposeHangul(code - 0xAC00) }
        if let base = base(code) { return FoldedScalars(lower(base)) }
        if code >= 0x9CB, let parts = parts(code) { return parts }
        if scalar.properties.generalCategory == .nonspacingMark { return FoldedScalars() }
        return FoldedScalars(lower(scalar))
    }

    /// The one scalar that a precomposed letter stands on, or nil if it does not decompose to one.
    static func base(_ code: UInt32) -> Unicode.Scalar? {
        var low = 0
        var high = single.count
        while low < high {
            let middle = (low + high) / 2
            if UInt32(truncatingIfNeeded: single[middle] >> 24) < code { low = middle + 1 } else { high = middle }
        }
        guard low < single.count, UInt32(truncatingIfNeeded: single[low] >> 24) == code else { return nil }
        return Unicode.Scalar(UInt32(truncatingIfNeeded: single[low] & 0xFFFFFF))
    }

    /// Lower case of one scalar; a mapping to several scalars keeps the scalar as it is.
    static func lower(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        let code = scalar.value
        if code < 0x80 { return lowerASCII(scalar) }
        guard mayHaveCase(code), scalar.properties.changesWhenLowercased else { return scalar }
        let mapped = scalar.properties.lowercaseMapping.unicodeScalars
        return mapped.count == 1 ? mapped.first ?? scalar : scalar
    }

    @inline(__always)
    private static func lowerASCII(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        let code = scalar.value
        return code >= 0x41 && code <= 0x5A ? Unicode.Scalar(UInt8(truncatingIfNeeded: code) | 0x20) : scalar
    }

    /// Leaves out the blocks that are large and have no case, so that most scripts cost no look-up.
    private static func mayHaveCase(_ code: UInt32) -> Bool {
        !(0x3000...0xA63F).contains(code) && !(0x0590...0x109F).contains(code) && code < 0x1F000
    }

    private static func parts(_ code: UInt32) -> FoldedScalars? {
        guard let found = several.first(where: { UInt32(truncatingIfNeeded: $0.head >> 24) == code }) else {
            return nil
        }
        let mask: UInt64 = 0xFFFFFF
        var parts = FoldedScalars()
        for part in [found.head & mask, found.tail >> 24, found.tail & mask] where part != 0 {
            parts.append(UInt32(truncatingIfNeeded: part))
        }
        return parts
    }

    private static func decomposeHangul(_ index: UInt32) -> FoldedScalars {
        var parts = FoldedScalars()
        parts.append(0x1100 + index / 588)
        parts.append(0x1161 + index % 588 / 28)
        if index % 28 > 0 { parts.append(0x11A7 + index % 28) }
        return parts
    }
}

/// None to three scalars, held without an allocation.
struct FoldedScalars {
    private(set) var count = 0
    private var scalars: InlineArray<3, Unicode.Scalar> = ["\u{0}", "\u{0}", "\u{0}"]

    init() {}

    init(_ scalar: Unicode.Scalar) {
        count = 1
        scalars[0] = scalar
    }

    subscript(index: Int) -> Unicode.Scalar { scalars[index] }

    mutating func append(_ code: UInt32) {
        guard let scalar = Unicode.Scalar(code) else { return }
        scalars[count] = scalar
        count += 1
    }
}
