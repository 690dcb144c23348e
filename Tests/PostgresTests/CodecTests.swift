import Bytes
import Postgres
import Support
import Testing

/// Sends a value and reads it back, and compares what the server takes it for.
private func expectRoundTrip<Value: PostgresEncodable & PostgresDecodable & Equatable>(
    _ value: Value, as text: String?, _ location: SourceLocation = #_sourceLocation
) throws {
    var connection = try TestDatabase.current.connect()
    let rows = try connection.query(sql: "select $1, $1::text", bind: { $0.append(value) }) {
        (try $0.decode(0, as: Value.self), try $0.decode(1, as: String?.self))
    }
    #expect(rows.count == 1, sourceLocation: location)
    #expect(rows[0].0 == value, sourceLocation: location)
    #expect(rows[0].1 == text, sourceLocation: location)
}

/// Foundation, which the testing library brings along, has a `UUID` of its own.
private typealias Identifier = Postgres.UUID

/// Reads one value of SQL.
private func read<Value: PostgresDecodable>(_ sql: String, as type: Value.Type = Value.self) throws -> Value {
    var connection = try TestDatabase.current.connect()
    return try connection.query(sql: "select " + sql) { try $0.decode(0, as: type) }[0]
}

@Suite("Codecs", .database)
struct CodecTests {
    @Test func integers() throws {
        for value in [Int16.min, -1, 0, 1, .max] { try expectRoundTrip(value, as: "\(value)") }
        for value in [Int32.min, -1, 0, 1, .max] { try expectRoundTrip(value, as: "\(value)") }
        for value in [Int64.min, -1, 0, 1, .max] { try expectRoundTrip(value, as: "\(value)") }
        for value in [Int.min, -1, 0, 1, .max] { try expectRoundTrip(value, as: "\(value)") }
        #expect(try read("7::int2", as: Int64.self) == 7)
        #expect(try read("-7::int4", as: Int64.self) == -7)
        #expect(try read("-7::int2", as: Int32.self) == -7)
        #expect(try read("4294967295::oid", as: Int64.self) == 4_294_967_295)
    }

    @Test func floatingPoint() throws {
        try expectRoundTrip(1.5, as: "1.5")
        try expectRoundTrip(-0.1 as Float, as: "-0.1")
        try expectRoundTrip(Double.infinity, as: "Infinity")
        try expectRoundTrip(-Float.infinity, as: "-Infinity")
        try expectRoundTrip(Double.leastNonzeroMagnitude, as: "5e-324")
        #expect(try read("'NaN'::float8", as: Double.self).isNaN)
        #expect(try read("'NaN'::float4", as: Float.self).isNaN)
        #expect(try read("'-0'::float8", as: Double.self).sign == .minus)
        #expect(try read("0.5::float4", as: Double.self) == 0.5)
    }

    @Test func booleansAndText() throws {
        try expectRoundTrip(true, as: "true")
        try expectRoundTrip(false, as: "false")
        for text in ["", "plain", "quo'te\"\\", "línea\nnueva\t", "😀👩‍👩‍👧‍👦", String(repeating: "ä", count: 100_000)] {
            try expectRoundTrip(text, as: text)
        }
        #expect(try read("'v'::varchar(9)", as: String.self) == "v")
        #expect(try read("'n'::name", as: String.self) == "n")
        #expect(try read("'b'::char(3)", as: String.self) == "b  ")
    }

    @Test func bytes() throws {
        try expectRoundTrip([UInt8](), as: "\\x")
        try expectRoundTrip([0, 1, 0xFF] as [UInt8], as: "\\x0001ff")
        try expectRoundTrip([[0], [], [1, 2]] as [[UInt8]], as: #"{"\\x00","\\x","\\x0102"}"#)
        try expectRoundTrip([[0], nil] as [[UInt8]?], as: #"{"\\x00",NULL}"#)
    }

    @Test func json() throws {
        try expectRoundTrip(JSONText(#"{"a": [1, null]}"#), as: #"{"a": [1, null]}"#)
        #expect(try read(#"'{"b":2}'::json"#, as: JSONText.self).text == #"{"b":2}"#)
        try expectRoundTrip([JSONText("1"), JSONText(#""x""#)], as: #"{1,"\"x\""}"#)
    }

    @Test func uuids() throws {
        let text = "0123abcd-4567-89ef-fedc-ba9876543210"
        let id = try #require(Identifier(text))
        #expect(id.description == text)
        try expectRoundTrip(id, as: text)
        try expectRoundTrip([id, nil], as: "{\(text),NULL}")
        let random = Identifier.random()
        #expect(Identifier(random.description) == random)
        #expect(random != Identifier.random())
        for malformed in ["", text + "0", String(text.dropLast()), text.replacing("a", with: "g"), "0123abcd4567"] {
            #expect(Identifier(malformed) == nil)
        }
    }

    @Test func timestamps() throws {
        try expectRoundTrip(Timestamp(microseconds: 0), as: "1970-01-01 00:00:00+00")
        try expectRoundTrip(Timestamp(microseconds: 1_234_567_890_123_456), as: "2009-02-13 23:31:30.123456+00")
        try expectRoundTrip(Timestamp(microseconds: -1), as: "1969-12-31 23:59:59.999999+00")
        try expectRoundTrip(Timestamp.infinity, as: "infinity")
        try expectRoundTrip(Timestamp.negativeInfinity, as: "-infinity")
        let latest = try read("'294276-12-31 23:59:59Z'::timestamptz", as: Timestamp.self)
        #expect(latest.microseconds == .max - 1)
        let earliest = try read("'4713-11-24 00:00:00Z BC'::timestamptz", as: Timestamp.self)
        try expectRoundTrip(earliest, as: "4714-11-24 00:00:00+00 BC".replacing("4714", with: "4713"))
        let error = #expect(throws: PostgresError.self) {
            try expectRoundTrip(Timestamp(microseconds: .min + 1), as: nil)
        }
        #expect(error?.sqlState == "22008")
    }

    @Test func transactionsAndSnapshots() throws {
        try expectRoundTrip(TransactionID(0), as: "0")
        try expectRoundTrip(TransactionID(1 << 40), as: "1099511627776")
        try expectRoundTrip([TransactionID(5), nil], as: "{5,NULL}")
        try expectRoundTrip(Snapshot(minimum: 3, maximum: 3, inProgress: []), as: "3:3:")
        try expectRoundTrip(
            Snapshot(minimum: 10, maximum: 1 << 33 + 7, inProgress: [10, 14, 1 << 32 + 5]),
            as: "10:8589934599:10,14,4294967301")
        let own = try read("pg_current_snapshot()", as: Snapshot.self)
        #expect(own.minimum <= own.maximum)
    }

    @Test func numerics() throws {
        let texts = [
            "0", "0.00", "1", "-1", "10000", "12345678901234567890", "0.0001", "-0.00012300", "99999999.99999999",
            "10000.00010000", "NaN", "Infinity", "-Infinity", "1000000000000000000000000000000000", "0.1230",
        ]
        for text in texts {
            #expect(try read("'\(text)'::numeric", as: NumericText.self).text == text)
            try expectRoundTrip(NumericText(text), as: text)
        }
        try expectRoundTrip([NumericText("1.5"), nil], as: "{1.5,NULL}")
        #expect(NumericText("-2.5").double == -2.5)
        for malformed in ["", "-", "1.", ".5", "1e5", "1,0", "0x1"] {
            let error = #expect(throws: PostgresError.self) { try expectRoundTrip(NumericText(malformed), as: nil) }
            #expect(error?.code == .misuse)
        }
    }

    @Test func arrays() throws {
        try expectRoundTrip([Int64](), as: "{}")
        try expectRoundTrip([1, 2, -3] as [Int64], as: "{1,2,-3}")
        try expectRoundTrip([1, nil] as [Int32?], as: "{1,NULL}")
        try expectRoundTrip([nil, nil] as [Int16?], as: "{NULL,NULL}")
        try expectRoundTrip([1, 2] as [Int], as: "{1,2}")
        try expectRoundTrip([true, nil, false] as [Bool?], as: "{t,NULL,f}")
        try expectRoundTrip([0.5, -1] as [Float], as: "{0.5,-1}")
        try expectRoundTrip([0.5, nil] as [Double?], as: "{0.5,NULL}")
        try expectRoundTrip(["", "a b", "ä\"", "null"], as: #"{"","a b","ä\"","null"}"#)
        try expectRoundTrip(["a", nil], as: "{a,NULL}")
        try expectRoundTrip(
            [Timestamp(microseconds: 0), .infinity], as: #"{"1970-01-01 00:00:00+00",infinity}"#)
        try expectRoundTrip([Snapshot(minimum: 1, maximum: 2, inProgress: [1]), nil], as: "{1:2:1,NULL}")
        #expect(try read("array[1.50, null]::numeric[]", as: [NumericText?].self).map { $0?.text } == ["1.50", nil])
        #expect(try read("array['a']::varchar[]", as: [String].self) == ["a"])
        #expect(try read("'[5:6]={7,8}'::int8[]", as: [Int64].self) == [7, 8])
    }

    @Test func optionals() throws {
        try expectRoundTrip(Int64?.none, as: nil)
        try expectRoundTrip(Int64?.some(4), as: "4")
        try expectRoundTrip([String]?.none, as: nil)
        #expect(try read("null::text", as: String?.self) == nil)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        func code(_ body: () throws -> Void) -> PostgresError.Code? {
            do { try body() } catch { return (error as? PostgresError)?.code }
            return nil
        }
        #expect(code { _ = try read("1::int8", as: Int32.self) } == .decoding)
        #expect(code { _ = try read("'1'::text", as: Int64.self) } == .decoding)
        #expect(code { _ = try read("null::int8", as: Int64.self) } == .decoding)
        #expect(code { _ = try read("array[1, null]::int8[]", as: [Int64].self) } == .decoding)
        #expect(code { _ = try read("array[[1],[2]]::int8[]", as: [Int64].self) } == .decoding)
        #expect(code { _ = try read("array['a']::text[]", as: [Int64].self) } == .decoding)
        #expect(code { _ = try read("now()::timestamp", as: Timestamp.self) } == .decoding)
    }

    @Test func nulInTextIsRefusedBeforeSending() throws {
        var connection = try TestDatabase.current.connect()
        for attempt in 0..<2 {
            let error = #expect(throws: PostgresError.self) {
                try connection.query(
                    sql: "select $1",
                    bind: { if attempt == 0 { $0.append("a\0b") } else { $0.append(["ok", "a\0b"]) } },
                    decode: { try $0.decode(0, as: String.self) })
            }
            #expect(error?.code == .misuse)
        }
        #expect(try connection.textRows("select 1") == [["1"]])
    }

    @Test func unnestTakesABatchOfArrays() throws {
        var connection = try TestDatabase.current.connect()
        let ids = Array(0..<5_000)
        let texts = ids.map { $0 % 7 == 0 ? nil : "text \($0)" }
        let rows = try connection.query(
            sql: "select count(*), sum(id)::int8, count(t) from unnest($1, $2) as u(id, t)",
            bind: { $0.append(all: ids, texts) },
            decode: { (try $0.decode(0, as: Int.self), try $0.decode(1, as: Int.self), try $0.decode(2, as: Int.self)) }
        )
        #expect(rows[0].0 == 5_000)
        #expect(rows[0].1 == ids.reduce(0, +))
        #expect(rows[0].2 == texts.compactMap { $0 }.count)
    }

    @Test func columnsAreReadInPlace() throws {
        var connection = try TestDatabase.current.connect()
        let rows = try connection.query(sql: "select 'abc'::text as a, null::text as b") { row in
            #expect(row.columnCount == 2)
            #expect(row.columnName(1) == "b")
            #expect(row.columnType(0) == .text)
            #expect(row.isNull(1) == true)
            #expect(row.withBytes(1) { $0.count } == nil)
            return row.withBytes(0) { bytes in bytes.indices.map { bytes[$0] } }
        }
        #expect(rows == [Array("abc".utf8)])
    }
}
