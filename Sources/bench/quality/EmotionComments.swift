import Engines

/// Comments of GoEmotions with their labels grouped as the set's README says: six emotions, or none of them.
struct EmotionComments {
    static let file = "goemotions/comments.csv.gz"
    static let kinds = EmotionKind.allCases.filter { $0 != .neutral }

    struct Comment {
        var text: String
        /// One or more; `neutral` may stand beside others.
        var kinds: Set<EmotionKind>
    }

    private(set) var parts: [String: [Comment]] = [:]

    init(_ data: DataFolder) throws {
        let table = try data.table(Self.file)
        let (text, labels) = (try table.column("text"), try table.column("labels"))
        let part = try table.column("official_split")
        for row in table.rows {
            var kinds: Set<EmotionKind> = []
            for label in row[labels].split(separator: " ") {
                guard let kind = Self.groups[String(label)] else {
                    throw BenchError("expected a label of GoEmotions, got: another")
                }
                kinds.insert(kind)
            }
            parts[row[part], default: []].append(Comment(text: row[text], kinds: kinds))
        }
    }

    private static let groups: [String: EmotionKind] = {
        let lists: [(EmotionKind, String)] = [
            (
                .joy,
                "admiration amusement approval caring desire excitement gratitude joy love optimism pride relief"
            ),
            (.sadness, "disappointment embarrassment grief remorse sadness"),
            (.anger, "anger annoyance disapproval"), (.fear, "fear nervousness"), (.disgust, "disgust"),
            (.surprise, "confusion curiosity realization surprise"), (.neutral, "neutral"),
        ]
        var groups: [String: EmotionKind] = [:]
        for (kind, list) in lists { for label in list.split(separator: " ") { groups[String(label)] = kind } }
        return groups
    }()
}
