import Bytes
import Postgres
import Support
import Testing

struct Numbers: Statement {
    static let name = "numbers"
    static let sql = "select n, 'row ' || n from generate_series($1, $2) n order by n"
    var from: Int32
    var through: Int32

    func bind(to parameters: inout Parameters) { parameters.append(all: from, through) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (Int32, String) {
        (try row.decode(0), try row.decode(1))
    }
}

@Suite("Connection", .database)
struct ConnectionTests {
    @Test func queriesDecodeRows() throws {
        var connection = try TestDatabase.current.connect()
        let rows = try connection.query(Numbers(from: 1, through: 3))
        #expect(rows.map(\.0) == [1, 2, 3])
        #expect(rows.map(\.1) == ["row 1", "row 2", "row 3"])
        #expect(try connection.first(Numbers(from: 7, through: 9))?.0 == 7)
        #expect(try connection.first(Numbers(from: 2, through: 1)) == nil)
        #expect(try connection.run(Numbers(from: 1, through: 5)) == 5)
    }

    @Test func transactionsCommitAndRollBack() throws {
        var connection = try TestDatabase.current.connect()
        try connection.execute("create table t (n int)")
        try connection.transaction { try $0.execute("insert into t values (1)") }
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try connection.transaction { connection in
                try connection.execute("insert into t values (2)")
                throw Stop()
            }
        }
        #expect(try connection.textRows("select n from t") == [["1"]])
    }
}
