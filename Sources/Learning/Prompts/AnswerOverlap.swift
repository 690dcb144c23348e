/// How much of an expected answer another one says, by their words.
///
///     F1 = 2 · precision · recall / (precision + recall)
///
/// precision: the share of the answer's words that are expected; recall: the share of expected words that are there;
/// each word counts as often as it occurs in both. Symmetric, 0…1, 1 for the same words in any order. It knows no
/// synonyms: another wording of the same answer scores low, so it compares prompts, and grades none by itself.
///
/// Source: Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (2016).
package enum AnswerOverlap {
    /// The overlap of an answer with the expected one.
    ///
    /// - Returns: 0…1; 1 if neither has a word, 0 if one has none.
    /// - Complexity: O(n) in their lengths.
    package static func score(_ answer: String, expected: String) -> Double {
        let found = words(answer)
        let wanted = words(expected)
        guard !found.isEmpty, !wanted.isEmpty else { return found.isEmpty == wanted.isEmpty ? 1 : 0 }
        var left = Dictionary(wanted.map { ($0, 1) }, uniquingKeysWith: +)
        var shared = 0
        for word in found {
            guard let count = left[word], count > 0 else { continue }
            left[word] = count - 1
            shared += 1
        }
        return 2 * Double(shared) / Double(found.count + wanted.count)
    }

    /// The words in lower case; of scripts that write no spaces, each character is one.
    private static func words(_ text: String) -> [String] {
        var words: [String] = []
        var word = ""
        for character in text.lowercased() {
            let isWhole = character.unicodeScalars.first.map { $0.properties.isIdeographic || isKana($0) } ?? false
            if isWhole || !(character.isLetter || character.isNumber) {
                if !word.isEmpty { words.append(word) }
                word = ""
                if isWhole { words.append(String(character)) }
            } else {
                word.append(character)
            }
        }
        return word.isEmpty ? words : words + [word]
    }

    private static func isKana(_ scalar: Unicode.Scalar) -> Bool { (0x3040...0x30FF).contains(scalar.value) }
}
