import Bytes

/// A short text of what is known of a pair, ready for a bot's prompt: the same sentences as SQL's `prompt_digest`.
///
/// Whole sentences only, most useful first; one that does not fit is passed over. What is unknown is not mentioned, so
/// that nothing known gives an empty text. Users' own words stand in quotes on one line. Characters are Unicode code
/// points.
package struct PromptDigest: Sendable {
    package var recentTopics: [String] = []
    package var switchLikelihood: Double?
    package var communicationStyle: String?
    package var preferredDepth: String?
    package var optimalResponseLength: Int64?
    package var fadingMemories: [MemoryStanding] = []
    package var vividMemories: [MemoryStanding] = []
    package var traits: [String] = []
    package var receptivity: Double?
    /// Why a rule forbids a proactive message now.
    package var refusal: String?
    package var success: Success?
    package var suggestedTopic: String?
    package var unvalidated: Set<EngineName> = []
    /// Seconds since the notes were complete, for notes that are not fresh; nil for fresh ones.
    package var staleSeconds: Double?

    /// Labels and memories that one sentence names at most.
    package static let namesMax = 3
    /// Code points of a label that is still quoted.
    package static let labelCharactersMax = 60

    /// The share of proactive messages that were answered, with its 90 % interval.
    package struct Success: Sendable {
        package var rate: Double
        package var low: Double
        package var high: Double

        package init(rate: Double, low: Double, high: Double) {
            self.rate = rate
            self.low = low
            self.high = high
        }

        var text: String { "\(percent(rate)) (90% interval \(percent(low)) to \(percent(high)))" }
    }

    package init() {}

    /// The text.
    ///
    /// - Parameter charactersMax: code points, spaces included.
    /// - Returns: at most so many characters; empty when no sentence is known or fits.
    package func text(charactersMax: Int) -> String {
        let notice =
            staleSeconds.map { "These notes may be out of date: last complete \(PromptDigest.age($0)) ago." } ?? ""
        var body = ""
        var used = notice.isEmpty ? -1 : notice.unicodeScalars.count
        for sentence in sentences {
            let count = sentence.unicodeScalars.count + 1
            if used + count > charactersMax { continue }
            used += count
            body += " " + sentence
        }
        // The notice alone says nothing of the user; and old notes that do not say that they are old would mislead.
        return body.isEmpty ? "" : String((notice + body).drop { $0 == " " })
    }

    private var sentences: [String] {
        let switching = end(.contextSwitch)
        let patterns = end(.conversationPatterns)
        let aging = end(.memoryAging)
        let engagement = end(.proactiveEngagement)
        let all: [String?] = [
            PromptDigest.labels(recentTopics).map { "Recent topics: \($0)\(switching)" },
            switchLikelihood.map { "Chance of a topic change now: \(PromptDigest.percent($0))\(switching)" },
            communicationStyle.flatMap(PromptDigest.label).map { "Communication style: \($0)\(patterns)" },
            preferredDepth.flatMap(PromptDigest.label).map { "Preferred depth: \($0)\(patterns)" },
            optimalResponseLength.map { "Best reply length: about \($0) words\(patterns)" },
            PromptDigest.memories(fadingMemories).map { "Fading memories: \($0)\(aging)" },
            PromptDigest.memories(vividMemories).map { "Vivid memories: \($0)\(aging)" },
            PromptDigest.labels(traits).map { "Traits that show most: \($0)\(end(.personalityEvolution))" },
            receptivity.map { "Receptive to a proactive message now: \(PromptDigest.percent($0))\(engagement)" },
            refusal.map { "Do not write first now: \($0)." },
            success.map { "Proactive messages answered: \($0.text)\(engagement)" },
            suggestedTopic.flatMap(PromptDigest.label).map { "Worth raising: \($0)\(engagement)" },
        ]
        return all.compactMap { $0 }
    }

    private func end(_ engine: EngineName) -> String { unvalidated.contains(engine) ? " (unvalidated)." : "." }

    static func percent(_ share: Double) -> String { "\(Int((share * 100 + 0.5).rounded(.down)))%" }

    static func age(_ seconds: Double) -> String {
        if seconds < 5400 { return "\(Int(seconds / 60)) min" }
        return seconds < 172_800 ? "\(Int(seconds / 3600)) h" : "\(Int(seconds / 86400)) days"
    }

    /// Words in quotes on one line; nil when nothing or too much would be left.
    static func label(_ raw: String) -> String? {
        var cleaned = String.UnicodeScalarView()
        for scalar in raw.unicodeScalars {
            switch scalar.value {
            case 0x01...0x1f, 0x22, 0x7f...0x9f, 0x2028, 0x2029: cleaned.append(" ")
            default: cleaned.append(scalar)
            }
        }
        while cleaned.first == " " { cleaned.removeFirst() }
        while cleaned.last == " " { cleaned.removeLast() }
        return (1...labelCharactersMax).contains(cleaned.count) ? "\"\(String(cleaned))\"" : nil
    }

    private static func labels(_ raw: [String]) -> String? {
        var kept: [String] = []
        for case let label? in raw.lazy.map(PromptDigest.label)
        where !kept.contains(where: { $0.utf8.elementsEqual(label.utf8) }) {
            kept.append(label)
            if kept.count == namesMax { break }
        }
        return kept.isEmpty ? nil : kept.joined(separator: ", ")
    }

    private static func memories(_ standings: [MemoryStanding]) -> String? {
        let kept = standings.lazy.compactMap { memory in
            memory.label.flatMap(label).map { "\($0) (recall \(percent(memory.retrievability)))" }
        }.prefix(namesMax)
        return kept.isEmpty ? nil : kept.joined(separator: ", ")
    }
}
