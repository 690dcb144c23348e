import Bytes
import Engines
import Model

/// People of byu_chitchat and their conversations, each seen from their own side: the others are the bot.
struct ChatPeople {
    static let file = "byu_chitchat/messages.csv.gz"

    struct Line {
        var conversation: String
        var user: String
        var at: Timestamp
        var text: String
    }

    /// Conversations in the order of their first messages.
    private(set) var conversations: [[Line]] = []
    /// People by name, with the places of their conversations in order.
    private(set) var people: [(name: String, conversations: [Int])] = []

    init(_ data: DataFolder) throws {
        let table = try data.table(Self.file)
        let (conversation, user) = (try table.column("conversation_id"), try table.column("user_id"))
        let (at, text) = (try table.column("created_at"), try table.column("text"))
        var places: [String: Int] = [:]
        for row in table.rows {
            let line = Line(
                conversation: row[conversation], user: row[user], at: try Timestamp(text: row[at]), text: row[text])
            let place = places[line.conversation] ?? conversations.count
            if place == conversations.count {
                places[line.conversation] = place
                conversations.append([])
            }
            conversations[place].append(line)
        }
        conversations.sort { ($0[0].at, $0[0].conversation) < ($1[0].at, $1[0].conversation) }
        var found: [String: [Int]] = [:]
        for (place, lines) in conversations.enumerated() {
            for name in Set(lines.map(\.user)) { found[name, default: []].append(place) }
        }
        people = found.sorted { $0.key < $1.key }.map { (name: $0.key, conversations: $0.value) }
    }

    /// A person's rows of some conversations, in order of time, as the worker would fold them.
    func rows(of name: String, _ places: [Int]) -> [InputRow] {
        let lines = places.flatMap { conversations[$0] }.enumerated().sorted {
            ($0.element.at, $0.offset) < ($1.element.at, $1.offset)
        }
        return lines.enumerated().map { index, line in
            let message = Message(
                id: Int64(index + 1), conversationID: line.element.conversation,
                role: line.element.user == name ? .user : .assistant, content: line.element.text,
                createdAt: line.element.at)
            return InputRow(effectiveAt: line.element.at, event: .message(message))
        }
    }
}
