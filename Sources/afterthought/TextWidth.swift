/// How many columns of a terminal text takes.
enum TextWidth {
    /// The columns of a text, with 2 for wide characters and 0 for combining ones.
    ///
    /// Source: Unicode Standard Annex 11, "East Asian Width".
    static func columns(_ text: String) -> Int {
        text.reduce(0) { sum, character in
            // A character is as wide as its widest scalar: an emoji with a modifier is one emoji.
            sum + (character.unicodeScalars.map(columns).max() ?? 0)
        }
    }

    private static func columns(_ scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x300 { return scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) ? 0 : 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        return wide.contains { $0.contains(scalar.value) } ? 2 : 1
    }

    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x231A...0x231B, 0x23E9...0x23F3, 0x25FD...0x25FE, 0x2614...0x2615, 0x2648...0x2653,
        0x26AA...0x26AB, 0x26BD...0x26BE, 0x2705...0x2705, 0x270A...0x270B, 0x2728...0x2728, 0x274C...0x274C,
        0x2753...0x2757, 0x2795...0x2797, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
        0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
        0xFFE0...0xFFE6, 0x1F18E...0x1F18E, 0x1F191...0x1F19A, 0x1F200...0x1F320, 0x1F32D...0x1F64F,
        0x1F680...0x1F6FF, 0x1F7E0...0x1F7EB, 0x1F90C...0x1F9FF, 0x1FA70...0x1FAFF, 0x20000...0x3FFFD,
    ]

    /// Text that can't move the cursor or ring bells: control characters become U+FFFD, line ends spaces.
    static func harmless(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
        var clean = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control
            clean.append(!isControl ? scalar : scalar == "\n" || scalar == "\t" ? " " : "\u{FFFD}")
        }
        return String(clean)
    }

    /// Text cut to so many columns, with an ellipsis where something is missing.
    static func cut(_ text: String, columnsMax: Int) -> String {
        guard columns(text) > columnsMax else { return text }
        var kept = ""
        var used = 0
        for character in text {
            let width = columns(String(character))
            if used + width > columnsMax - 1 { break }
            kept.append(character)
            used += width
        }
        return kept + "…"
    }
}
