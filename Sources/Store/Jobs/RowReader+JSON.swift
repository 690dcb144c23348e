import Bytes
import Postgres

extension RowReader {
    /// Reads a column of JSON text.
    ///
    /// - Parameter column: the column's index from 0; `text`, not null.
    /// - Returns: the value.
    /// - Throws: `decoding` when it is no JSON within the limits.
    func decodeJSON(_ column: Int) throws(PostgresError) -> JSONValue {
        let text: String = try decode(column)
        do { return try JSONValue(parsing: text) } catch {
            throw PostgresError(.decoding, "expected JSON that can be read, got: a fault at byte \(error.offset)")
        }
    }
}
