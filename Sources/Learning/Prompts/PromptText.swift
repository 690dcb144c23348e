import Bytes

/// A prompt taken apart into what it says, line by line and sentence by sentence, without changing a word.
struct PromptText {
    /// What a sentence is for, as far as its words tell.
    enum Part: Int, CaseIterable {
        case role, task, rules, output

        var heading: String {
            switch self {
            case .role: "Role"
            case .task: "Task"
            case .rules: "Rules"
            case .output: "Answer"
            }
        }
    }

    /// Sentences in order, each without white space around it.
    let sentences: [String]

    /// Takes a prompt apart.
    ///
    /// - Parameter prompt: any text; lines end sentences, as do `.`, `!` and `?` before white space.
    /// - Complexity: O(n).
    init(_ prompt: String) {
        var sentences: [String] = []
        for line in prompt.split(whereSeparator: { $0.isNewline }) {
            var sentence = ""
            var endsNext = false
            for character in line {
                if endsNext, character.isWhitespace {
                    sentences.append(sentence)
                    sentence = ""
                    endsNext = false
                    continue
                }
                sentence.append(character)
                // A number with its point at the start of a line counts a list: the sentence goes on.
                endsNext = ".!?".contains(character) && !sentence.allSatisfy { $0.isNumber || $0 == "." }
            }
            sentences.append(sentence)
        }
        self.sentences = sentences.map(Self.trimmed).filter { !$0.isEmpty }
    }

    /// Without white space at the ends, and one space for any within.
    static func trimmed(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// What a sentence is for.
    static func part(of sentence: String) -> Part {
        let words = words(of: sentence)
        let text = " " + words.joined(separator: " ") + " "
        func says(_ phrases: [String]) -> Bool { phrases.contains { text.contains(" \($0) ") } }
        let roles = ["you are", "act as", "your role", "you re", "your name is"]
        if roles.contains(where: { text.hasPrefix(" \($0) ") }) {
            return .role
        }
        if says(["never", "must", "do not", "don t", "always", "avoid", "only", "unless"]) { return .rules }
        if says([
            "answer in", "answer with", "reply in", "reply with", "respond in", "respond with", "format", "json",
            "bullet", "bullets", "output", "words", "sentences", "characters",
        ]) {
            return .output
        }
        return .task
    }

    /// The words in lower case, without punctuation.
    static func words(of text: String) -> [String] {
        text.lowercased().split { !($0.isLetter || $0.isNumber) }.map(String.init)
    }
}
