import Bytes

extension TextAnalyzer {
    /// Finds set phrases and questions, sentence by sentence.
    func applyCues(_ scan: TextScan, into result: inout MessageAnalysis) {
        var covered = 0
        var isRhetorical = false
        for sentence in scan.sentences {
            isRhetorical = false
            if result.rulesApply {
                let found = phrases(scan, sentence, into: &result)
                covered += found.backchannelWords
                isRhetorical = found.isRhetorical
            }
            let kind = question(scan, sentence, isRhetorical: isRhetorical, rulesApply: result.rulesApply)
            if kind != .none { result.questionKind = kind }
        }
        if result.cues.contains(.resolved) || result.cues.contains(.optOut) {
            result.cues.remove(.unresolvedRequest)
        }
        if result.rulesApply, !result.isQuestion, isUnfinished(scan) {
            result.cues.insert(.unfinished)
        } else if isBackchannel(scan, covered: covered, result) {
            result.cues.insert(.backchannel)
        }
    }

    /// Whether the last sentence breaks off, or there is nothing but hesitation.
    private func isUnfinished(_ scan: TextScan) -> Bool {
        guard let sentence = scan.sentences.last, !sentence.states, !sentence.exclaims else { return false }
        if scan.tokens[sentence.tokens.upperBound - 1].entry.traits.contains(.leading) { return true }
        return scan.tokens.count <= 4 && scan.tokens.allSatisfy { $0.entry.traits.contains(.hesitation) }
    }

    /// Whether the whole message only shows that its writer is there.
    private func isBackchannel(_ scan: TextScan, covered: Int, _ result: MessageAnalysis) -> Bool {
        guard !result.isQuestion, scan.tokens.count <= 6, !scan.tokens.isEmpty else { return false }
        let words = scan.tokens.count { $0.kind != .emoji }
        return words == 0 || (result.rulesApply && covered == words && words <= 5)
    }

    private func phrases(
        _ scan: TextScan, _ sentence: Sentence, into result: inout MessageAnalysis
    ) -> (backchannelWords: Int, isRhetorical: Bool) {
        var backchannelWords = 0
        var isRhetorical = false
        var index = sentence.tokens.lowerBound
        while index < sentence.tokens.upperBound {
            let traits = scan.tokens[index].entry.traits
            if traits.contains(.laughter) { result.cues.insert(.laughter) }
            var length = 1
            var effect: PhraseEffect = []
            if traits.contains(.phraseStart),
                let match = longestPhrase(scan, index, end: sentence.tokens.upperBound)
            {
                (effect, length) = match
                let counts = !effect.contains(.atStart) || startsSentence(scan, index, sentence)
                if counts { result.cues.formUnion(effect.cues) }
                if effect.contains(.hedge), length > 1 { result.hedges += 1 }
                if effect.contains(.polite), length > 1 { result.politenessCues += 1 }
                if effect.contains(.rhetorical) { isRhetorical = true }
            }
            if effect.contains(.backchannel) || (length == 1 && traits.contains(.backchannel)) {
                backchannelWords += length
            }
            index += length
        }
        return (backchannelWords, isRhetorical)
    }

    private func startsSentence(_ scan: TextScan, _ index: Int, _ sentence: Sentence) -> Bool {
        (sentence.tokens.lowerBound..<index).allSatisfy { place in
            scan.tokens[place].kind == .emoji || scan.tokens[place].entry.traits.contains(.filler)
        }
    }

    private func longestPhrase(_ scan: TextScan, _ start: Int, end: Int) -> (effect: PhraseEffect, length: Int)? {
        var state: UInt64 = 0
        var best: (effect: PhraseEffect, length: Int)?
        let last = min(end, start + Lexicon.phraseWordsMax)
        for index in start..<last {
            guard let step = lexicon.step(from: state, hash: scan.tokens[index].hash) else { break }
            state = step.state
            if step.node.isEnd { best = (step.node.effect, index - start + 1) }
        }
        return best
    }

    /// How a sentence asks.
    ///
    /// With a question mark it always does. Without one, as chat is often written, it does if it begins like a question
    /// ("what is", "do you") and does not end in a full stop or exclamation mark.
    private func question(
        _ scan: TextScan, _ sentence: Sentence, isRhetorical: Bool, rulesApply: Bool
    ) -> QuestionKind {
        guard rulesApply else { return sentence.asks ? .polar : .none }
        let first = firstWord(scan, sentence)
        let begins = beginning(scan, first, sentence)
        guard sentence.asks || (begins != .none && !sentence.states && !sentence.exclaims) else { return .none }
        if isRhetorical { return .rhetorical }
        if sentence.asks, isTagged(scan, sentence, first) { return .tag }
        if begins == .wh || (begins == .none && hasWh(scan, first, sentence)) { return .wh }
        if hasAlternative(scan, first, sentence) { return .alternative }
        return .polar
    }

    /// The first word that is no filler; the first word at all if there are only fillers.
    private func firstWord(_ scan: TextScan, _ sentence: Sentence) -> Int {
        var index = sentence.tokens.lowerBound
        while index < sentence.tokens.upperBound - 1, index < sentence.tokens.lowerBound + 4,
            scan.tokens[index].kind == .emoji || scan.tokens[index].entry.traits.contains(.filler)
        {
            index += 1
        }
        return index
    }

    private func traits(_ scan: TextScan, _ index: Int, _ sentence: Sentence) -> WordTraits {
        index < sentence.tokens.upperBound ? scan.tokens[index].entry.traits : []
    }

    /// Whether a sentence begins with "what is", "how many dogs do", "what's" or "do you".
    private func beginning(_ scan: TextScan, _ first: Int, _ sentence: Sentence) -> QuestionKind {
        let here = traits(scan, first, sentence)
        let next = traits(scan, first + 1, sentence)
        if here.contains(.wh) {
            if here.contains(.contraction), sentence.tokens.upperBound > first + 1 { return .wh }
            if next.contains(.auxiliary) { return .wh }
            for distance in 2...3 where traits(scan, first + distance, sentence).contains(.auxiliary) {
                let between = (1..<distance).contains { traits(scan, first + $0, sentence).contains(.subject) }
                if !between, traits(scan, first + distance + 1, sentence).contains(.subject) { return .wh }
            }
            return .none
        }
        return here.contains(.auxiliary) && next.contains(.subject) ? .polar : .none
    }

    private func hasWh(_ scan: TextScan, _ first: Int, _ sentence: Sentence) -> Bool {
        if traits(scan, first, sentence).contains(.wh) { return true }
        return (first..<sentence.tokens.upperBound).contains { index in
            traits(scan, index, sentence).contains(.wh) && traits(scan, index + 1, sentence).contains(.auxiliary)
        }
    }

    private func hasAlternative(_ scan: TextScan, _ first: Int, _ sentence: Sentence) -> Bool {
        guard first + 1 < sentence.tokens.upperBound else { return false }
        return (first + 1..<sentence.tokens.upperBound).contains { index in
            guard traits(scan, index, sentence).contains(.or), index + 1 < sentence.tokens.upperBound else {
                return false
            }
            // "or not", "or something", "or so", "or what" offer no second thing.
            let isLast = index + 2 == sentence.tokens.upperBound
            return !(isLast && scan.tokens[index + 1].entry.traits.contains(.stop))
        }
    }

    /// Whether a statement ends in ", right" or in "isn't it".
    private func isTagged(_ scan: TextScan, _ sentence: Sentence, _ first: Int) -> Bool {
        let end = sentence.tokens.upperBound
        guard end - first >= 3 else { return false }
        let last = scan.tokens[end - 1]
        if last.entry.traits.contains(.tag), last.followsComma || scan.tokens[first].entry.traits.contains(.subject) {
            return true
        }
        let before = scan.tokens[end - 2]
        guard end - first >= 4, last.entry.traits.contains(.subject), before.entry.traits.contains(.auxiliary) else {
            return false
        }
        return before.entry.traits.contains(.negation) || before.followsComma
    }
}
