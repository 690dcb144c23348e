/// A column of `afterthought.messages` that import fills.
package enum ImportColumn: Int, CaseIterable, Sendable {
    case userID
    case botName
    case role
    case content
    case createdAt
    case conversationID
    case externalID
    case emotion
    case embedding

    /// The column's name in the table.
    package var name: String {
        switch self {
        case .userID: "user_id"
        case .botName: "bot_name"
        case .role: "role"
        case .content: "content"
        case .createdAt: "created_at"
        case .conversationID: "conversation_id"
        case .externalID: "external_id"
        case .emotion: "emotion"
        case .embedding: "embedding"
        }
    }

    /// Finds the column with a name of the table; `message_id` stands for `external_id`.
    package init?(name: String) {
        let wanted = name == "message_id" ? "external_id" : name
        guard let column = Self.allCases.first(where: { $0.name == wanted }) else { return nil }
        self = column
    }

    /// Whether a file without it is refused; a missing bot may be named by `--bot`.
    var isRequired: Bool {
        switch self {
        case .userID, .botName, .role, .content, .createdAt: true
        case .conversationID, .externalID, .emotion, .embedding: false
        }
    }

    /// Whether its values are bounded by `Limits.identifierBytesMax`.
    var isIdentifier: Bool {
        switch self {
        case .userID, .botName, .conversationID, .externalID: true
        case .role, .content, .createdAt, .emotion, .embedding: false
        }
    }
}

/// How a file is written.
package enum ImportFormat: String, CaseIterable, Sendable {
    /// RFC 4180 with a header line.
    case csv
    /// One JSON object a line.
    case jsonl

    /// Guesses from a file's name, then from its first byte that is not white space.
    init(path: String, firstBytes: [UInt8]) {
        let lowered = path.lowercased()
        if lowered.hasSuffix(".csv") {
            self = .csv
        } else if lowered.hasSuffix(".jsonl") || lowered.hasSuffix(".ndjson") {
            self = .jsonl
        } else {
            let first = firstBytes.first { $0 > 0x20 && $0 < 0x80 }
            self = first == UInt8(ascii: "{") ? .jsonl : .csv
        }
    }
}

/// Which column of the file fills which column of the table.
package struct ImportMapping: Equatable, Sendable {
    /// The file's names for columns that it names otherwise.
    package private(set) var sources: [ImportColumn: String] = [:]
    /// The bot of rows that name none; nil: the file must name it.
    package var defaultBot: String?

    package init(defaultBot: String? = nil) { self.defaultBot = defaultBot }

    /// Notes that the file has another name for a column.
    ///
    /// - Parameters:
    ///   - source: the file's name.
    ///   - column: the table's column.
    package mutating func map(_ source: String, to column: ImportColumn) { sources[column] = source }

    /// The names under which the file may hold a column, best first.
    func names(of column: ImportColumn) -> [String] {
        if let source = sources[column] { return [source] }
        return column == .externalID ? ["external_id", "message_id"] : [column.name]
    }

    /// The same text for the same mapping, for the file's fingerprint.
    var canonicalText: String {
        let pairs = ImportColumn.allCases.map { "\($0.name)=\(names(of: $0).joined(separator: "|"))" }
        return pairs.joined(separator: "\n") + "\nbot=\(defaultBot.map { "given:" + $0 } ?? "none")"
    }
}
