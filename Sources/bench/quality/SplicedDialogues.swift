import Bytes
import Model

/// Dialogues with certain boundaries, made by putting pieces of unrelated conversations one behind the other.
///
/// All pieces are real and of licence class P. Texts of an assistant that writes pages are cut to their first two
/// sentences; to some messages of the user's a real acknowledgement is added ("thanks so much!"), or put in their
/// place, since who is served thanks and agrees before the next wish, and spliced conversations never do.
struct SplicedDialogues {
    /// Shares of messages of the user's: openings and later ones that an acknowledgement precedes, and later ones that
    /// are nothing else.
    private static let openingsAcknowledging = 0.3
    private static let laterAcknowledging = 0.15
    private static let acknowledgementsAlone = 0.1
    private static let sentencesMax = 2
    private static let wordsMax = 30

    var random: SeededRandom
    var acknowledgements: [String]

    /// Splices pieces of so many messages, in any order, three to six a dialogue.
    ///
    /// Each conversation gives one piece; `fromStart` says that it begins where its conversation does.
    mutating func spliced(
        _ conversations: [Dialogue], lengths: ClosedRange<Int>, fromStart: Bool, acknowledging: Bool
    ) -> [Dialogue] {
        var found: [Dialogue] = []
        var left = conversations.shuffled(using: &random)[...]
        while !left.isEmpty {
            var lines: [DialogueLine] = []
            for conversation in left.prefix(Int.random(in: 3...6, using: &random)) {
                left.removeFirst()
                let length = min(conversation.lines.count, Int.random(in: lengths, using: &random))
                let start = fromStart ? 0 : Int.random(in: 0...(conversation.lines.count - length), using: &random)
                for place in 0..<length {
                    var line = conversation.lines[start + place]
                    line.opensTopic = place == 0 && !lines.isEmpty
                    line.at = nil
                    if acknowledging, line.role == .user, !lines.isEmpty { acknowledge(&line, place: place) }
                    lines.append(line)
                }
            }
            if lines.count > 3 { found.append(Dialogue(id: "spliced-\(found.count)", lines: lines)) }
        }
        return found
    }

    private mutating func acknowledge(_ line: inout DialogueLine, place: Int) {
        guard let words = acknowledgements.randomElement(using: &random) else { return }
        let draw = Double.random(in: 0..<1, using: &random)
        if place == 0 {
            if draw < Self.openingsAcknowledging { line.text = words + ". " + line.text }
        } else if place > 1 {
            if draw < Self.acknowledgementsAlone {
                line.text = words
            } else if draw < Self.acknowledgementsAlone + Self.laterAcknowledging {
                line.text = words + ". " + line.text
            }
        }
    }

    /// A user's lone questions and acknowledgements, with answers of an assistant's to other questions between: it
    /// sounds like a service, message by message, and hangs together in nothing.
    mutating func questionsAndAnswers(_ questions: [String], _ answers: [String], count: Int) -> [Dialogue] {
        (0..<count).map { index in
            let lines = (0..<20).map { place in
                guard place.isMultiple(of: 2) else {
                    return DialogueLine(role: .assistant, text: answers.randomElement(using: &random) ?? "")
                }
                let isShort = Double.random(in: 0..<1, using: &random) < 0.3
                let texts = isShort ? acknowledgements : questions
                return DialogueLine(role: .user, text: texts.randomElement(using: &random) ?? "")
            }
            return Dialogue(id: "questions-\(index)", lines: lines)
        }
    }

    /// The first two sentences, as far as they have thirty words together; at least the first thirty words of the
    /// first.
    static func beginning(_ text: String) -> String {
        var sentences: [[Substring]] = [[]]
        for line in text.split(whereSeparator: \.isNewline) {
            for word in line.split(separator: " ") {
                sentences[sentences.count - 1].append(word)
                if let end = word.last, ".!?".contains(end) { sentences.append([]) }
            }
            sentences.append([])
        }
        sentences.removeAll { $0.isEmpty }
        var kept: [Substring] = []
        for sentence in sentences.prefix(sentencesMax) {
            if !kept.isEmpty, kept.count + sentence.count > wordsMax { break }
            kept += sentence
        }
        return kept.prefix(wordsMax).joined(separator: " ")
    }
}
