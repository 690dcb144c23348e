import Bytes
import Postgres
import Support
import Testing

@Suite("COPY", .database)
struct CopyTests {
    private func prepared() throws -> Connection {
        var connection = try TestDatabase.current.connect()
        try connection.execute("create table t (n int8 primary key, label text, at timestamptz, list real[])")
        return connection
    }

    @Test func binaryRows() throws {
        var connection = try prepared()
        let copied = try connection.copyIn("copy t from stdin (format binary)") { writer in
            for number in 0..<20_000 {
                try writer.row(
                    number, number % 2 == 0 ? "label \(number)" : nil, Timestamp(microseconds: 0), [0.5, 1] as [Float])
            }
        }
        #expect(copied == 20_000)
        let rows = try connection.textRows("select count(*), count(label), sum(n), min(list::text) from t")
        #expect(rows == [["20000", "10000", "199990000", "{0.5,1}"]])
    }

    @Test func textAndCSV() throws {
        var connection = try prepared()
        #expect(try connection.copyIn("copy t (n, label) from stdin") { try $0.write("1\tone\n2\t\\N\n") } == 2)
        let copied = try connection.copyIn("copy t (n, label) from stdin (format csv)") { writer in
            try writer.write("3,\"a,")
            try writer.write(bytes: Array("b\"\n".utf8))
        }
        #expect(copied == 1)
        #expect(try connection.textRows("select label from t order by n") == [["one"], [nil], ["a,b"]])
    }

    @Test func outGivesEachRow() throws {
        var connection = try prepared()
        try connection.execute("insert into t select n, 'l' || n from generate_series(1, 10000) n")
        var lines = 0
        var first = ""
        let copied = try connection.copyOut("copy (select n, label from t order by n) to stdout") { bytes in
            if lines == 0 { first = String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
            lines += 1
        }
        #expect(copied == 10_000)
        #expect(lines == 10_000)
        #expect(first == "1\tl1\n")
    }

    @Test func anErrorInTheClosureCopiesNothing() throws {
        struct Stop: Error {}
        var connection = try prepared()
        for rows in [1, 20_000] {
            #expect(throws: Stop.self) {
                try connection.copyIn("copy t (n) from stdin (format binary)") { writer in
                    for number in 0..<rows { try writer.row(number) }
                    throw Stop()
                }
            }
            #expect(connection.health == .ready)
            #expect(try connection.textRows("select count(*) from t") == [["0"]])
        }
        #expect(throws: Stop.self) {
            try connection.copyOut("copy (select generate_series(1, 10000000)) to stdout") { _ in throw Stop() }
        }
        #expect(connection.health == .ready)
        #expect(try connection.textRows("select 1") == [["1"]])
    }

    @Test func serverErrorsLeaveTheConnectionReady() throws {
        var connection = try prepared()
        let duplicate = failure {
            try connection.copyIn("copy t (n) from stdin (format binary)") { writer in
                for number in 0..<50_000 { try writer.row(number % 10) }
            }
        }
        #expect(duplicate?.isUniqueViolation == true)
        let malformed = failure { try connection.copyIn("copy t (n) from stdin") { try $0.write("a secret\n") } }
        #expect(malformed?.isDataError == true)
        #expect(malformed?.description.contains("secret") == false)
        let wrongType = failure {
            try connection.copyIn("copy t (n) from stdin (format binary)") { try $0.row(Int32(1)) }
        }
        #expect(wrongType?.sqlState == "08P01")
        #expect(failure { try connection.copyIn("copy nowhere from stdin") { _ in } }?.isUndefinedObject == true)
        #expect(
            failure { try connection.copyOut("copy (select 1/(n-3) from generate_series(1,5) n) to stdout") { _ in } }?
                .sqlState == "22012")
        #expect(connection.health == .ready)
        #expect(try connection.textRows("select count(*) from t") == [["0"]])
    }

    @Test func misuseIsTold() throws {
        var connection = try prepared()
        #expect(failure { try connection.copyIn("select 1") { _ in } }?.code == .misuse)
        #expect(failure { try connection.copyIn("copy t to stdout") { _ in } }?.code == .misuse)
        #expect(failure { try connection.copyOut("copy t from stdin") { _ in } }?.code == .misuse)
        #expect(failure { try connection.copyIn("copy t (n) from stdin") { try $0.row(1) } }?.code == .misuse)
        #expect(failure { try connection.copyIn("copy t (label) from stdin") { try $0.write("\0") } }?.code == .misuse)
        #expect(
            failure { try connection.copyIn("copy t (n) from stdin (format binary)") { try $0.write("1\n") } }?.code
                == .misuse)
        #expect(connection.health == .ready)
    }

    @Test func copyInsideATransactionCommitsWithIt() throws {
        struct Stop: Error {}
        var connection = try prepared()
        #expect(throws: Stop.self) {
            try connection.transaction { connection in
                try connection.copyIn("copy t (n) from stdin (format binary)") { try $0.row(1) }
                throw Stop()
            }
        }
        #expect(try connection.textRows("select count(*) from t") == [["0"]])
    }
}
