import Bytes
import Engines
import Model
import Worker

/// One message of a labelled dialogue.
struct DialogueLine {
    var role: Role
    var text: String
    /// Whether it opens another topic than the message before it.
    var opensTopic = false
    var at: Timestamp?
}

/// A dialogue with its topic boundaries.
struct Dialogue {
    var id: String
    var lines: [DialogueLine]

    /// Where topics begin, but for the first.
    var boundaries: [Bool] { lines.indices.map { $0 > 0 && lines[$0].opensTopic } }
}

/// The labelled sets of dialogues, read as their READMEs say.
enum Dialogues {
    static let dialseg711 = "dialseg711/dialogues.jsonl"
    static let tiage = "tiage/dialogues.jsonl"
    static let sgd = "sgd/dialogues.jsonl.gz"
    static let qmsum = "qmsum/meetings.jsonl.gz"
    static let byu = "byu_chitchat/messages.csv.gz"
    static let longMemEval = "longmemeval_sample/cases.jsonl.gz"

    /// Two speakers take turns; the user begins.
    private static func speaker(_ place: Int) -> Role { place.isMultiple(of: 2) ? .user : .assistant }

    /// Where segments of these lengths begin.
    private static func starts(_ lengths: [Double]) -> Set<Int> {
        var starts: Set<Int> = []
        var place = 0
        for length in lengths {
            starts.insert(place)
            place += Int(length)
        }
        return starts
    }

    static func dialseg711(_ data: DataFolder) throws -> [Dialogue] {
        try data.lines(dialseg711).map { line in
            let starts = starts(try line.numbers("segments"))
            let lines = try line.texts("utterances").enumerated().map { place, text in
                DialogueLine(role: speaker(place), text: text, opensTopic: starts.contains(place))
            }
            return Dialogue(id: try line.member("id").string ?? "", lines: lines)
        }
    }

    static func tiage(_ data: DataFolder) throws -> [Dialogue] {
        try data.lines(tiage).map { line in
            let shifts = try line.member("topic_shift").array ?? []
            let lines = try line.texts("utterances").enumerated().map { place, text in
                let opens = shifts[place].double == 1 || shifts[place].string == "1"
                return DialogueLine(role: speaker(place), text: text, opensTopic: opens)
            }
            return Dialogue(id: try line.member("id").string ?? "", lines: lines)
        }
    }

    /// Dialogues of several services; the others have no boundary.
    static func sgd(_ data: DataFolder) throws -> [Dialogue] {
        let all = try data.lines(sgd).map { line in
            let starts = starts(try line.numbers("segments"))
            let lines = try (try line.member("turns").array ?? []).enumerated().map { place, turn in
                DialogueLine(
                    role: try turn.member("speaker").string == "user" ? .user : .assistant,
                    text: try turn.member("text").string ?? "", opensTopic: starts.contains(place))
            }
            return Dialogue(id: try line.member("id").string ?? "", lines: lines)
        }
        return all.filter { $0.boundaries.contains(true) }
    }

    /// Meetings; the role changes with the speaker.
    static func qmsum(_ data: DataFolder) throws -> [Dialogue] {
        try data.lines(qmsum).map { line in
            let starts = Set(try line.numbers("boundaries").map { Int($0) })
            var last: String?
            var role = Role.assistant
            let lines = try (try line.member("turns").array ?? []).enumerated().map { place, turn in
                let name = try turn.member("speaker").string
                if place == 0 || name != last { role = role == .user ? .assistant : .user }
                last = name
                return DialogueLine(
                    role: role, text: try turn.member("text").string ?? "", opensTopic: starts.contains(place))
            }
            return Dialogue(id: try line.member("id").string ?? "", lines: lines)
        }
    }

    /// Conversations of two people, with times and without boundaries; who writes first stands for the user.
    static func byu(_ data: DataFolder) throws -> [Dialogue] {
        let table = try data.table(byu)
        let columns = try (
            id: table.column("conversation_id"), user: table.column("user_id"), at: table.column("created_at"),
            text: table.column("text")
        )
        var places: [String: Int] = [:]
        var first: [String] = []
        var found: [Dialogue] = []
        for row in table.rows {
            let id = row[columns.id]
            if places[id] == nil {
                places[id] = found.count
                found.append(Dialogue(id: id, lines: []))
                first.append(row[columns.user])
            }
            guard let place = places[id] else { continue }
            found[place].lines.append(
                DialogueLine(
                    role: row[columns.user] == first[place] ? .user : .assistant, text: row[columns.text],
                    at: try? Timestamp(text: row[columns.at])))
        }
        return found
    }

    /// Sessions of a user with an assistant, without boundaries.
    static func longMemEval(_ data: DataFolder) throws -> [Dialogue] {
        try data.lines(longMemEval).flatMap { line in
            try (try line.member("sessions").array ?? []).map { session in
                let lines = try (try session.member("turns").array ?? []).map { turn in
                    DialogueLine(
                        role: try turn.member("role").string == "user" ? .user : .assistant,
                        text: try turn.member("text").string ?? "")
                }
                return Dialogue(id: try session.member("session").string ?? "", lines: lines)
            }
        }
    }
}

extension Dialogue {
    /// What the worker's own code makes of the messages: a new pair's state, one message after the other.
    ///
    /// Messages without a time come a second apart; the dialogue is one session where it has no times.
    func replayed(by analyzer: TextAnalyzer, _ body: (Observation, Int, TopicTracker) -> Void) {
        var tracker = TopicTracker()
        var sessions = SessionTracker()
        var previous: PreviousMessage?
        for (place, line) in lines.enumerated() {
            let at = line.at ?? DialogueMoment.start.advanced(bySeconds: Double(place))
            let message = Message(id: Int64(place + 1), role: line.role, content: line.text, createdAt: at)
            let session = sessions.observe(message, at: at)
            let analysis = analyzer.analyze(content: line.text)
            let topic = tracker.observe(analysis, role: line.role, at: at, session: session, previous: previous)
            body(
                Observation(
                    row: InputRow(effectiveAt: at, event: .message(message)), session: session, previous: previous,
                    analysis: analysis, topic: topic), place, tracker)
            previous = PreviousMessage(
                role: line.role, at: at, wordCount: analysis.wordCount, isQuestion: analysis.isQuestion)
        }
    }
}

/// The time of a dialogue that has none.
enum DialogueMoment {
    static let start = Timestamp(microseconds: 1_700_000_000_000_000)
}
