/// Rewrites a prompt in four ways, by rules alone: the same prompt and examples give the same variants.
///
/// Whether a variant is better is not known until it is evaluated on the held-out examples, of which none is shown.
/// Invariants: a restructured prompt has each sentence of the prompt once; what is added is stated in the text itself.
package struct PromptVariants {
    /// Examples shown in a prompt.
    package static let shownMax = 5
    /// Characters of an example's input or output that are shown.
    package static let charactersMax = 600
    /// Examples below this many say nothing about the form of answers.
    static let formExamplesMin = 5

    private let prompt: String
    private let shownFrom: [PromptExample]

    /// - Parameters:
    ///   - prompt: the agent's prompt as it is.
    ///   - examples: approved ones, in any order; held-out ones are left out here.
    package init(prompt: String, examples: [PromptExample]) {
        self.prompt = prompt
        shownFrom = examples.filter { !$0.isHeldOut }.sorted { $0.id < $1.id }
    }

    /// All four, in the order of `PromptVariant.Kind`.
    ///
    /// - Complexity: O(length of the prompt + examples × shown × words).
    package func all() -> [PromptVariant] {
        let shown = chosenExamples()
        let block = shown.isEmpty ? "" : "\n\n" + exampleBlock(shown)
        let sentences = PromptText(prompt).sentences
        let clear = clarified(sentences)
        let form = formLines()
        return PromptVariant.Kind.allCases.map { kind in
            switch kind {
            case .clarified:
                PromptVariant(kind: kind, prompt: paragraph(clear, form: form), shown: [])
            case .fewShot:
                PromptVariant(kind: kind, prompt: prompt + block, shown: shown.map(\.id))
            case .restructured:
                PromptVariant(kind: kind, prompt: restructured(sentences, form: []), shown: [])
            case .combined:
                PromptVariant(kind: kind, prompt: restructured(clear, form: form) + block, shown: shown.map(\.id))
            }
        }
    }
}

// MARK: - Clarified

extension PromptVariants {
    /// Words that make an instruction sound optional; without them it says the same.
    private static let hedges = [
        "please ", "try to ", "kindly ", "if possible, ", "if possible", "perhaps ", "maybe ", "kind of ", "sort of ",
        "basically ", "you should probably ", "just ",
    ]

    private func clarified(_ sentences: [String]) -> [String] {
        var seen: Set<String> = []
        return sentences.compactMap { sentence in
            let clear = Self.withoutHedges(sentence)
            // What is left of a sentence of hedges alone says nothing; what was said before need not be said again.
            let words = PromptText.words(of: clear)
            guard !words.isEmpty, seen.insert(words.joined(separator: " ")).inserted else { return nil }
            return clear
        }
    }

    private static func withoutHedges(_ sentence: String) -> String {
        var result = ""
        var rest = sentence[...]
        var isAtWord = true
        scan: while let first = rest.first {
            if isAtWord {
                for hedge in hedges where rest.prefix(hedge.count).lowercased() == hedge {
                    rest = rest.dropFirst(hedge.count)
                    continue scan
                }
            }
            result.append(first)
            isAtWord = !(first.isLetter || first.isNumber || first == "'" || first == "’")
            rest = rest.dropFirst()
        }
        result = PromptText.trimmed(result)
        guard let first = result.first, sentence.first?.isUppercase == true else { return result }
        return first.uppercased() + result.dropFirst()
    }

    private func paragraph(_ sentences: [String], form: [String]) -> String {
        (sentences + form).joined(separator: "\n")
    }

    /// What the examples have in common, as instructions; none if they are too few.
    private func formLines() -> [String] {
        let outputs = shownFrom.map { PromptText.trimmed($0.output) }.filter { !$0.isEmpty }
        guard outputs.count >= Self.formExamplesMin else { return [] }
        let lengths = outputs.map { PromptText.words(of: $0).count }.sorted()
        let low = lengths[lengths.count / 10]
        let high = lengths[lengths.count - 1 - lengths.count / 10]
        let range = low == high ? "about \(max(1, low))" : "\(max(1, low)) to \(high)"
        var lines = ["Answer in \(range) words."]
        func all(_ test: (String) -> Bool) -> Bool { outputs.allSatisfy(test) }
        if all({ $0.hasPrefix("{") && $0.hasSuffix("}") }) { lines.append("Answer with one JSON object alone.") }
        if all({ $0.hasPrefix("[") && $0.hasSuffix("]") }) { lines.append("Answer with one JSON array alone.") }
        if all({ $0.hasSuffix("?") }) { lines.append("End with a question.") }
        return lines
    }
}

// MARK: - Restructured

extension PromptVariants {
    private func restructured(_ sentences: [String], form: [String]) -> String {
        var parts: [PromptText.Part: [String]] = [:]
        for sentence in sentences { parts[PromptText.part(of: sentence), default: []].append(sentence) }
        if !form.isEmpty { parts[.output, default: []] += form }
        return PromptText.Part.allCases.compactMap { part in
            guard let lines = parts[part] else { return nil }
            let isList = part == .rules || part == .output
            return "## \(part.heading)\n" + lines.map { isList ? "- \($0)" : $0 }.joined(separator: "\n")
        }.joined(separator: "\n\n")
    }
}

// MARK: - Few-shot

extension PromptVariants {
    /// The best examples that are unlike each other: greedily the one with the highest quality less its likeness to
    /// those chosen (maximal marginal relevance, Carbonell and Goldstein 1998).
    private func chosenExamples() -> [PromptExample] {
        var rest = shownFrom.map { (example: $0, words: Set(PromptText.words(of: $0.input)), likeness: 0.0) }
        var chosen: [PromptExample] = []
        while chosen.count < Self.shownMax, !rest.isEmpty {
            var best = 0
            for index in rest.indices where worth(rest[index]) > worth(rest[best]) { best = index }
            let (example, words, _) = rest.remove(at: best)
            chosen.append(example)
            for index in rest.indices {
                rest[index].likeness = max(rest[index].likeness, likeness(rest[index].words, words))
            }
        }
        return chosen
    }

    private func worth(_ entry: (example: PromptExample, words: Set<String>, likeness: Double)) -> Double {
        (entry.example.quality ?? 0.5) - entry.likeness
    }

    /// Shared words among all words (Jaccard).
    private func likeness(_ left: Set<String>, _ right: Set<String>) -> Double {
        let shared = left.intersection(right).count
        let all = left.count + right.count - shared
        return all == 0 ? 1 : Double(shared) / Double(all)
    }

    private func exampleBlock(_ examples: [PromptExample]) -> String {
        "## Examples\n"
            + examples.map { "Input: \(shortened($0.input))\nAnswer: \(shortened($0.output))" }
            .joined(separator: "\n\n")
    }

    private func shortened(_ text: String) -> String {
        let trimmed = PromptText.trimmed(text)
        return trimmed.count <= Self.charactersMax ? trimmed : String(trimmed.prefix(Self.charactersMax)) + "…"
    }
}
