import CLibPQ

/// The result of one statement; owns libpq's `PGresult`, and its deinit is the only `PQclear`.
@safe
struct QueryResult: ~Copyable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
    }

    deinit { unsafe PQclear(pointer) }

    var status: ExecStatusType { unsafe PQresultStatus(pointer) }

    var rowCount: Int { unsafe Int(PQntuples(pointer)) }

    var columnCount: Int { unsafe Int(PQnfields(pointer)) }

    /// Rows the command inserted, changed, deleted, copied or returned; 0 for commands that count none.
    var affectedRows: Int {
        guard let text = unsafe PQcmdTuples(pointer) else { return 0 }
        return unsafe Int(String(cString: text)) ?? 0
    }

    /// The command tag, such as `COMMIT`.
    var commandTag: String {
        guard let text = unsafe PQcmdStatus(pointer) else { return "" }
        return unsafe String(cString: text)
    }

    /// One field of an error, named by its protocol letter.
    func errorField(_ letter: Unicode.Scalar) -> String? {
        guard let text = unsafe PQresultErrorField(pointer, Int32(letter.value)) else { return nil }
        return unsafe String(cString: text)
    }

    /// A cell in text format; nil for null.
    func text(row: Int, column: Int) -> String? {
        if unsafe PQgetisnull(pointer, Int32(row), Int32(column)) == 1 { return nil }
        guard let text = unsafe PQgetvalue(pointer, Int32(row), Int32(column)) else { return nil }
        return unsafe String(cString: text)
    }

    func columnName(_ column: Int) -> String {
        guard let name = unsafe PQfname(pointer, Int32(column)) else { return "?" }
        return unsafe String(cString: name)
    }
}
