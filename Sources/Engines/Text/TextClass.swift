/// What a scalar beyond ASCII is to a tokenizer.
enum TextClass {
    /// Control, format, private use, unassigned, U+FFFD: as if it were not there.
    case dropped
    /// White space.
    case space
    /// A CJK ideograph: a word of its own.
    case ideograph
    /// Letters, marks, numbers, punctuation, symbols.
    case other

    /// The class of a scalar beyond ASCII.
    static func of(_ scalar: Unicode.Scalar) -> TextClass {
        let code = scalar.value
        if isIdeograph(code) { return .ideograph }
        if code >= 0xC0, code < 0x378 { return .other }
        if code == 0xFFFD { return .dropped }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned: return .dropped
        default: return scalar.properties.isWhitespace ? .space : .other
        }
    }

    /// Whether a scalar lies in the blocks that the BERT tokenizer calls Chinese.
    static func isIdeograph(_ code: UInt32) -> Bool {
        guard code >= 0x3400 else { return false }
        return (0x4E00...0x9FFF).contains(code) || (0x3400...0x4DBF).contains(code)
            || (0xF900...0xFAFF).contains(code) || (0x20000...0x2A6DF).contains(code)
            || (0x2A700...0x2CEAF).contains(code) || (0x2F800...0x2FA1F).contains(code)
    }

    /// Whether a scalar is punctuation or a symbol (categories P* and S*).
    static func isPunctuationOrSymbol(_ scalar: Unicode.Scalar) -> Bool {
        let code = scalar.value
        if code < 0x80 {
            return (0x21...0x2F).contains(code) || (0x3A...0x40).contains(code) || (0x5B...0x60).contains(code)
                || (0x7B...0x7E).contains(code)
        }
        switch scalar.properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation, .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol:
            return true
        default: return false
        }
    }
}
