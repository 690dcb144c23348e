/// One SQL statement as a type: static SQL, bindings and row decoder side by side.
///
///     struct MessagesOfPair: Statement {
///         static let name = "messages_of_pair"
///         static let sql = "select id, content from afterthought.messages where user_id = $1 order by id"
///         var user: String
///         func bind(to parameters: inout Parameters) { parameters.append(user) }
///         static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (Int64, String) {
///             (try row.decode(0), try row.decode(1))
///         }
///     }
///
/// It is prepared once a connection under its name; values and results travel in binary form.
package protocol Statement {
    /// What a row becomes; `Void` for statements that return none.
    associatedtype Row = Void

    /// The statement's name, unique among all statements of a connection, at most 63 bytes.
    static var name: String { get }

    /// The SQL, with `$1`, `$2`, … for the values.
    static var sql: String { get }

    /// Appends the values in order.
    func bind(to parameters: inout Parameters)

    /// Reads one row.
    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row
}

extension Statement {
    package func bind(to parameters: inout Parameters) {}
}

extension Statement where Row == Void {
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) {}
}

/// What the server says about a statement without running it.
package struct StatementDescription: Hashable, Sendable {
    /// The types of `$1`, `$2`, ….
    package let parameterTypes: [PostgresType]
    /// The names of the result's columns.
    package let columnNames: [String]
    /// The types of the result's columns.
    package let columnTypes: [PostgresType]
}
