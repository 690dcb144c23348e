/// Which columns of an application's table fill those of `messages`, by the names that chat applications use.
enum AdoptionFields {
    /// Names without underscores and in lower case, best first.
    static func names(of column: ImportColumn) -> [String] {
        switch column {
        case .userID:
            [
                "userid", "user", "username", "useridentifier", "customerid", "memberid", "accountid", "chatuserid",
                "participantid", "ownerid", "authorid", "senderid", "fromid",
            ]
        case .botName:
            [
                "botname", "bot", "botid", "character", "charactername", "characterid", "agent", "agentname", "agentid",
                "assistant", "assistantname", "assistantid", "persona", "personaname", "personaid",
            ]
        case .role:
            [
                "role", "messagerole", "senderrole", "sendertype", "authorrole", "authortype", "speaker", "sender",
                "author", "fromrole",
            ] + Array(rolesWhenTrue.keys).sorted()
        case .content:
            [
                "content", "text", "body", "message", "messagetext", "messagecontent", "messagebody", "msg",
                "utterance",
            ]
        case .createdAt:
            [
                "createdat", "timestamp", "sentat", "insertedat", "created", "createdtime", "creationtime", "createdon",
                "messagetime", "time", "ts", "date", "datetime", "sent", "occurredat",
            ]
        case .conversationID:
            [
                "conversationid", "sessionid", "threadid", "chatid", "dialogid", "dialogueid", "roomid", "channelid",
                "conversation", "session", "thread",
            ]
        case .emotion: ["emotion", "emotions", "emotionscores"]
        case .embedding: ["embedding"]
        case .externalID: []
        }
    }

    /// What true means in columns that say whose message it is.
    static let rolesWhenTrue = [
        "isbot": "assistant", "isassistant": "assistant", "isai": "assistant", "frombot": "assistant",
        "fromai": "assistant", "isfrombot": "assistant", "isagent": "assistant", "isuser": "user", "fromuser": "user",
        "isfromuser": "user", "ishuman": "user", "fromhuman": "user",
    ]

    /// The role that each value stands for, in lower case.
    static let roles = [
        "user": "user", "human": "user", "customer": "user", "client": "user", "visitor": "user", "member": "user",
        "assistant": "assistant", "bot": "assistant", "ai": "assistant", "agent": "assistant", "model": "assistant",
        "character": "assistant", "llm": "assistant", "gpt": "assistant", "chatbot": "assistant",
        "system": "system", "developer": "system",
    ]

    /// A name as it is compared: `userId`, `user_id` and `UserID` are one.
    static func normalized(_ name: String) -> String {
        name.lowercased().filter { $0 != "_" && $0 != "-" && $0 != " " }
    }

    /// What a column of `messages` can be read from, for people.
    static func expectedTypes(_ column: ImportColumn) -> String {
        switch column {
        case .userID, .botName, .conversationID, .externalID: "text, a whole number, uuid or an enumeration"
        case .role: "text, an enumeration or boolean"
        case .content: "text"
        case .createdAt: "timestamptz, timestamp, date or a number with --time-unit"
        case .emotion: "jsonb"
        case .embedding: "real[]"
        }
    }

    /// Whether a column of `messages` can be read from one of that type without any value's making it fail.
    static func accepts(_ source: AdoptionColumn, for column: ImportColumn, hasTimeUnit: Bool) -> Bool {
        switch column {
        case .userID, .botName, .conversationID, .externalID:
            source.isText || source.isInteger || ["uuid", "enum"].contains(source.type)
        case .role: source.isText || ["enum", "bool"].contains(source.type)
        case .content: source.isText
        case .createdAt:
            ["timestamptz", "timestamp", "date"].contains(source.type) || hasTimeUnit && source.isNumber
        case .emotion: source.type == "jsonb"
        case .embedding: source.type == "_float4"
        }
    }
}

/// Why a table can't be adopted; it never carries what the table holds.
package struct AdoptionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What a caller may want to tell apart.
    package enum Kind: Sendable {
        /// The words of the command.
        case usage
        /// The table is not one that can be mirrored this way.
        case unfit
        /// The present role may not.
        case forbidden
        /// Somebody else holds a lock.
        case busy
        /// The person asked to stop.
        case interrupted
    }

    package var kind: Kind
    package var message: String
    package var hint: String

    init(_ kind: Kind, _ message: String, hint: String) {
        self.kind = kind
        self.message = message
        self.hint = hint
    }

    package var description: String { "\(message)\nhint: \(hint)" }
}
