/// What went wrong between this process and PostgreSQL.
///
/// Its description never shows parameters, row values or passwords: messages of the classes that quote data are
/// withheld, and `detail` is never part of it.
///
/// Source: PostgreSQL manual, "PostgreSQL Error Codes".
package struct PostgresError: Error, Hashable, Sendable {
    /// The kind of failure, as far as a caller has to tell kinds apart; not a SQLSTATE, and open for more.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The kind's name as it is written here.
        package let description: String

        /// No connection could be made.
        package static let connectionFailed = Code(description: "connectionFailed")
        /// The connection broke; statements outside a commit did not take effect.
        package static let connectionLost = Code(description: "connectionLost")
        /// The connection broke while committing; the transaction may or may not have taken effect.
        package static let commitUnknown = Code(description: "commitUnknown")
        /// The deadline passed; the statement may still have taken effect.
        package static let timeout = Code(description: "timeout")
        /// The statement was cancelled by request.
        package static let cancelled = Code(description: "cancelled")
        /// The server refused the statement; see `sqlState`.
        package static let serverError = Code(description: "serverError")
        /// A value did not have the expected type, nullness or form.
        package static let decoding = Code(description: "decoding")
        /// The caller asked for something that can't be sent.
        package static let misuse = Code(description: "misuse")
        /// No connection of the pool came free in time.
        package static let poolExhausted = Code(description: "poolExhausted")
        /// The connection, pool or thread was closed before.
        package static let closed = Code(description: "closed")
    }

    /// The kind of failure.
    package var code: Code
    /// The server's five-character SQLSTATE; nil when the failure is not the server's.
    package var sqlState: String?
    /// The primary message; may quote data in SQLSTATE classes 22 and P0, so log `description` instead.
    package var message: String
    /// The server's detail; it quotes row values, so it is never shown.
    package var detail: String?
    /// What to do next, if anything is known.
    package var hint: String?
    /// The name of the statement that failed.
    package var statement: String?
    /// The constraint that was violated.
    package var constraint: String?
    /// The table concerned, without its schema.
    package var table: String?

    package init(_ code: Code, _ message: String, hint: String? = nil, statement: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.statement = statement
    }

    /// Tells whether the connection that reported this is of no more use.
    package var isConnectionLoss: Bool {
        code == .connectionLost || code == .commitUnknown || code == .connectionFailed
    }

    /// Tells whether a unique constraint or index refused the row (23505).
    package var isUniqueViolation: Bool { sqlState == "23505" }

    /// Tells whether the same transaction may succeed when run again: serialization failure 40001, deadlock 40P01.
    package var isSerializationFailure: Bool { sqlState == "40001" || sqlState == "40P01" }

    /// Tells whether a lock was not granted in time (55P03).
    package var isLockTimeout: Bool { sqlState == "55P03" }

    /// Tells whether the data itself was refused: SQLSTATE classes 22 (data), 23 (constraint), 54 (limits).
    package var isDataError: Bool {
        guard let sqlState else { return false }
        return sqlState.hasPrefix("22") || sqlState.hasPrefix("23") || sqlState.hasPrefix("54")
    }

    /// Tells whether the server ran out of disk, memory or connections (class 53).
    package var isResourceShortage: Bool { sqlState?.hasPrefix("53") ?? false }

    /// Tells whether the server was asked to write while it may only read (25006).
    package var isReadOnlyViolation: Bool { sqlState == "25006" }

    /// Tells whether a table, column or function the statement names does not exist (42P01, 42703, 42883, 3F000).
    package var isUndefinedObject: Bool {
        switch sqlState {
        case "42P01", "42703", "42883", "3F000", "42704": true
        default: false
        }
    }

    /// Tells whether a prepared statement's plan no longer fits the schema.
    var isStalePreparation: Bool { sqlState == "0A000" && statement != nil }

    /// Tells whether the server's session is not the one that statements were prepared in: a pooler is in between.
    package var isForeignSession: Bool { sqlState == "26000" || sqlState == "42P05" }

    /// Returns this error with the statement's name, unless it has one.
    func named(_ name: String) -> PostgresError {
        var copy = self
        if copy.statement == nil { copy.statement = name }
        return copy
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Tells whether the message itself may quote data.
    private var messageQuotesData: Bool {
        guard let sqlState else { return false }
        return sqlState.hasPrefix("22") || sqlState.hasPrefix("P0")
    }

    /// One or two lines for people and logs, free of content, parameters and passwords.
    package var description: String {
        var text = messageQuotesData ? "the server refused a value (message withheld: it may quote data)" : message
        if let sqlState { text += " [\(sqlState)]" }
        if let statement { text += " in statement \(statement)" }
        if let hint { text += "\nhint: \(hint)" }
        return text
    }

    /// The description with code, table and constraint before it; still free of content.
    package var debugDescription: String {
        var text = "PostgresError.\(code)"
        if let table { text += " table \(table)" }
        if let constraint { text += " constraint \(constraint)" }
        return text + ": " + description
    }
}

extension PostgresError: CustomReflectable {
    /// Shows what the debug description shows, so that dumping an error reveals no data either.
    package var customMirror: Mirror { Mirror(self, children: ["description": debugDescription]) }
}
