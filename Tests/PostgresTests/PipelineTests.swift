import Postgres
import Support
import Testing

@Suite("Pipeline", .database)
struct PipelineTests {
    private func prepared() throws -> Connection {
        var connection = try TestDatabase.current.connect()
        try connection.execute("create table t (n int primary key, label text)")
        return connection
    }

    @Test func manyStatementsInOrder() throws {
        var connection = try prepared()
        var rows: [Int32] = []
        let affected = try connection.pipeline { pipeline in
            for number in 0..<2_000 { try pipeline.run(Insert(number: Int32(number), label: "l\(number)")) }
            try pipeline.query(Numbers(from: 5, through: 7)) { rows = $0.map(\.0) }
        }
        #expect(affected.count == 2_001)
        #expect(affected.dropLast().allSatisfy { $0 == 1 })
        #expect(affected.last == 3)
        #expect(rows == [5, 6, 7])
        #expect(try connection.textRows("select count(*) from t") == [["2000"]])
        #expect(try connection.textRows("select count(*) from pg_prepared_statements") == [["2"]])
    }

    @Test func largeAnswersDoNotBlock() throws {
        struct Wide: Statement {
            static let name = "wide"
            static let sql = "select repeat('x', 20000) || $1"
            var text: String
            func bind(to parameters: inout Parameters) { parameters.append(text) }
            static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int {
                row.withBytes(0) { $0.count } ?? 0
            }
        }
        var connection = try prepared()
        var bytes = 0
        let text = String(repeating: "y", count: 20_000)
        try connection.pipeline { pipeline in
            for _ in 0..<600 { try pipeline.query(Wide(text: text)) { bytes += $0[0] } }
        }
        #expect(bytes == 600 * 40_000)
    }

    @Test func theServerWorksWhileTheClosureDoes() throws {
        struct Lock: Statement {
            static let name = "lock"
            static let sql = "select pg_advisory_xact_lock(7), length($1)"
            var text: String
            func bind(to parameters: inout Parameters) { parameters.append(text) }
        }
        var connection = try prepared()
        var other = try TestDatabase.current.connect()
        let deadline = Deadline.after(milliseconds: 10_000)
        var isLocked = false
        // More than the socket takes at once.
        let text = String(repeating: "z", count: 20_000_000)
        try connection.pipeline { pipeline in
            try pipeline.run(Lock(text: text))
            pipeline.flush()
            while !isLocked, deadline.remainingNanoseconds != 0 {
                isLocked = try other.textRows("select pg_try_advisory_xact_lock(7)") == [["f"]]
            }
        }
        #expect(isLocked)
    }

    @Test func oneFailureUndoesAll() throws {
        var connection = try prepared()
        let error = failure {
            try connection.pipeline { pipeline in
                for number in [1, 2, 1, 3] as [Int32] { try pipeline.run(Insert(number: number, label: nil)) }
            }
        }
        #expect(error?.isUniqueViolation == true)
        #expect(error?.statement == "insert")
        #expect(connection.health == .ready)
        #expect(try connection.textRows("select count(*) from t") == [["0"]])
        #expect(try connection.pipeline { try $0.run(Insert(number: 9, label: nil)) } == [1])
    }

    @Test func anEarlyFailureEndsALongPipeline() throws {
        var connection = try prepared()
        let error = failure {
            try connection.pipeline { pipeline in
                for number in 0..<10_000 { try pipeline.run(Insert(number: Int32(number % 100), label: nil)) }
            }
        }
        #expect(error?.isUniqueViolation == true)
        #expect(try connection.textRows("select count(*) from t") == [["0"]])
    }

    @Test func aThrowingClosureUndoesAll() throws {
        struct Stop: Error {}
        var connection = try prepared()
        for count in [3, 1_000] {
            #expect(throws: Stop.self) {
                try connection.pipeline { pipeline in
                    for number in 0..<count { try pipeline.run(Insert(number: Int32(number), label: nil)) }
                    throw Stop()
                }
            }
            #expect(connection.health == .ready)
            #expect(try connection.textRows("select count(*) from t") == [["0"]])
        }
    }

    @Test func insideATransactionTheTransactionDecides() throws {
        struct Stop: Error {}
        var connection = try prepared()
        try connection.transaction { connection in
            try connection.pipeline { try $0.run(Insert(number: 1, label: nil)) }
            #expect(throws: Stop.self) {
                try connection.pipeline {
                    try $0.run(Insert(number: 2, label: nil))
                    throw Stop()
                }
            }
            #expect(connection.isInTransaction == true)
        }
        #expect(try connection.textRows("select n from t order by n") == [["1"], ["2"]])
    }

    @Test func aFailedPreparationIsNotRemembered() throws {
        var connection = try TestDatabase.current.connect()
        let insert = Insert(number: 1, label: "x")
        #expect(failure { try connection.pipeline { try $0.run(insert) } }?.isUndefinedObject == true)
        try connection.execute("create table t (n int, label text)")
        #expect(try connection.pipeline { try $0.run(insert) } == [1])
    }

    @Test func unpreparedStatementsArePipelinedToo() throws {
        var options = try TestDatabase.current.options
        options.preparesStatements = false
        var connection = try Connection(options)
        try connection.execute("create table t (n int, label text)")
        try connection.pipeline { for number in 0..<300 { try $0.run(Insert(number: Int32(number), label: nil)) } }
        #expect(try connection.textRows("select count(*) from t") == [["300"]])
        #expect(try connection.pipeline { _ in } == [])
    }

    @Test func aValueThatCannotBeSentFailsThePipeline() throws {
        var connection = try prepared()
        let error = failure {
            try connection.pipeline { pipeline in
                try pipeline.run(Insert(number: 1, label: nil))
                try pipeline.run(Insert(number: 2, label: "\0"))
            }
        }
        #expect(error?.code == .misuse)
        #expect(try connection.textRows("select count(*) from t") == [["0"]])
    }
}
