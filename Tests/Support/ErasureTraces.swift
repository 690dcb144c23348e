import Engines
import Postgres
import Store

extension Eraser {
    /// As the program makes it.
    package static let shipped = Eraser(engineVersion: PairState.engineVersion) {
        try PairState(decoding: $0).contributions
    }

    /// The tables that have a text anywhere in a row, such as a user's id.
    package static func traces(of text: String, _ connection: inout Connection) throws -> [String] {
        let tables = try connection.textRows(
            """
            select relname from pg_class
            where relnamespace = 'afterthought'::regnamespace and relkind = 'r' order by 1
            """)
        return try tables.compactMap { row in
            let table = row[0] ?? ""
            let found = try connection.textRows(
                "select count(*) from afterthought.\(table) as t where strpos(t::text, '\(text)') > 0")
            return found == [["0"]] ? nil : table
        }
    }
}
