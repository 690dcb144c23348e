import Bytes

extension TextScan {
    /// What a scalar beyond ASCII does to words and sentences.
    enum Role {
        case letter
        case mark
        case digit
        case emoji
        case end
        case exclamation
        case question
        case comma
        /// Format and control characters: as if they were not there.
        case ignorable
        case other
    }

    /// Takes what begins with a scalar beyond ASCII, outside a word.
    ///
    /// - Returns: the offset after it.
    mutating func takeWide(_ text: Span<UInt8>, _ offset: Int) -> Int {
        let (scalar, length) = UTF8Text.scalar(in: text, at: offset)
        switch Self.role(scalar) {
        case .letter: return TextClass.isIdeograph(scalar.value) ? takeIdeographs(text, offset) : takeWord(text, offset)
        case .digit: return takeWord(text, offset)
        case .emoji: return takeEmoji(text, offset)
        case .end: endSentence { $0.states = true }
        case .exclamation:
            exclamations += 1
            endSentence { $0.exclaims = true }
        case .question: endSentence { $0.asks = true }
        case .comma: sawComma = true
        case .mark, .ignorable, .other: break
        }
        return offset + length
    }

    /// Takes a run of ideographs as one token.
    private mutating func takeIdeographs(_ text: Span<UInt8>, _ start: Int) -> Int {
        let from = folded.count
        var offset = start
        var count = 0
        while offset < text.count, text[offset] >= 0x80 {
            let (scalar, length) = UTF8Text.scalar(in: text, at: offset)
            guard TextClass.isIdeograph(scalar.value) else { break }
            UTF8Text.append(scalar, to: &folded)
            offset += length
            count += 1
        }
        letters[Int(ScriptKind.cjk.rawValue)] += count
        appendToken(.ideographs, start..<offset, foldedFrom: from, letters: count)
        return offset
    }

    /// Takes one emoji with its modifiers and whatever ZWJ joins to it; a flag is two scalars.
    private mutating func takeEmoji(_ text: Span<UInt8>, _ start: Int) -> Int {
        let (first, length) = UTF8Text.scalar(in: text, at: start)
        let from = folded.count
        UTF8Text.append(first, to: &folded)
        var offset = start + length
        var isJoined = false
        var mayPair = Self.isRegional(first)
        while offset < text.count, text[offset] >= 0x80 {
            let (scalar, length) = UTF8Text.scalar(in: text, at: offset)
            let code = scalar.value
            if isJoined {
                isJoined = false
            } else if code == 0x200D {
                isJoined = true
            } else if mayPair && Self.isRegional(scalar) {
                mayPair = false
            } else if code != 0xFE0F && !(0x1F3FB...0x1F3FF).contains(code) && !(0xE0020...0xE007F).contains(code) {
                break
            }
            offset += length
        }
        emojiCount += 1
        appendToken(.emoji, start..<offset, foldedFrom: from)
        return offset
    }

    private static func isRegional(_ scalar: Unicode.Scalar) -> Bool { (0x1F1E6...0x1F1FF).contains(scalar.value) }

    /// The role of a scalar beyond ASCII.
    static func role(_ scalar: Unicode.Scalar) -> Role {
        switch scalar.value {
        case 0xC0...0x24F where scalar.value != 0xD7 && scalar.value != 0xF7: return .letter
        case 0x2026, 0x3002, 0xFF0E, 0xFF61, 0x0964, 0x06D4, 0x2028, 0x2029: return .end
        case 0xFF01: return .exclamation
        case 0xFF1F, 0x061F, 0x037E, 0x203D, 0x2047...0x2049: return .question
        case 0x3001, 0xFF0C, 0x060C: return .comma
        // A letter to Unicode, an apostrophe to writers: only inside a word is it a part of one.
        case 0x02BC: return .other
        default: break
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
        case .nonspacingMark, .spacingMark, .enclosingMark: return .mark
        case .decimalNumber, .letterNumber, .otherNumber: return .digit
        case .control, .format, .surrogate, .privateUse, .unassigned: return .ignorable
        case .otherSymbol, .modifierSymbol: return isEmoji(scalar) ? .emoji : .other
        default: return .other
        }
    }

    private static func isEmoji(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value >= 0x2190 && scalar.properties.isEmoji
    }

    /// The script of a letter beyond ASCII, by its block.
    static func script(_ code: UInt32) -> ScriptKind {
        switch code {
        case 0x00AA...0x024F, 0x0250...0x02FF, 0x1E00...0x1EFF, 0x2C60...0x2C7F, 0xA720...0xA7FF, 0xFB00...0xFB06,
            0xFF21...0xFF5A:
            .latin
        case 0x0400...0x052F, 0x1C80...0x1C8F, 0x2DE0...0x2DFF, 0xA640...0xA69F: .cyrillic
        case 0x0590...0x05FF, 0xFB1D...0xFB4F: .hebrew
        case 0x0600...0x06FF, 0x0750...0x077F, 0x0870...0x08FF, 0xFB50...0xFDFF, 0xFE70...0xFEFF: .arabic
        case 0x1100...0x11FF, 0x2E80...0x31FF, 0x3400...0x9FFF, 0xA960...0xA97F, 0xAC00...0xD7FF, 0xF900...0xFAFF,
            0xFF66...0xFFDC, 0x1B000...0x1B16F, 0x20000...0x3FFFF:
            .cjk
        default: .other
        }
    }
}
