import Bytes
import Foundation
import Testing

@Suite("JSON text")
struct JSONTests {
    @Test("commas and colons follow from the calls")
    func structure() {
        var json = JSONWriter()
        json.beginObject()
        json.key("a")
        json.beginArray()
        json.value(1)
        json.value(true)
        json.beginObject()
        json.endObject()
        json.null()
        json.endArray()
        json.key("b")
        json.value("x")
        json.key("c")
        json.value(nil as Double?)
        json.key("t")
        json.value(Timestamp(microseconds: 1))
        json.endObject()
        #expect(json.text == #"{"a":[1,true,{},null],"b":"x","c":null,"t":"1970-01-01T00:00:00.000001Z"}"#)
        #expect(json.depth == 0)
    }

    @Test("strings are escaped, NUL is left out, everything else is kept")
    func escapes() throws {
        var json = JSONWriter()
        json.value("a\"b\\c\u{8}\t\n\u{c}\r\u{1}\u{1f}\u{0}\u{7f}\u{2028}é😀")
        #expect(json.text == "\"a\\\"b\\\\c\\b\\t\\n\\f\\r\\u0001\\u001f\u{7f}\u{2028}é😀\"")
        let read = try JSONValue(parsing: json.bytes)
        #expect(read.string == "a\"b\\c\u{8}\t\n\u{c}\r\u{1}\u{1f}\u{7f}\u{2028}é😀")
    }

    @Test(
        "doubles are rounded to the decimals asked for",
        arguments: [
            (0.0, 3, "0"), (-0.0, 3, "0"), (1.0, 0, "1"), (0.5, 0, "1"), (-0.5, 0, "-1"), (0.125, 2, "0.13"),
            (1.10, 4, "1.1"), (-0.0004, 3, "0"), (2.0 / 3, 6, "0.666667"), (100, 2, "100"), (0.05, 6, "0.05"),
            (.nan, 2, "null"), (.infinity, 2, "null"), (-.infinity, 2, "null"), (1e300, 2, "1e+300"),
            (123456789.987654, 3, "123456789.988"),
        ])
    func decimals(number: Double, decimals: Int, expected: String) {
        var json = JSONWriter()
        json.value(number, decimals: decimals)
        #expect(json.text == expected)
    }

    @Test("doubles and integers read back exactly", arguments: [1, 7, 99] as [UInt64])
    func numbersRoundTrip(seed: UInt64) throws {
        var state = seed
        for _ in 0..<20_000 {
            state = StableHash.mix(state &+ 0x9e37_79b9_7f4a_7c15)
            var json = JSONWriter()
            let double = Double(bitPattern: state)
            let integer = Int64(bitPattern: state) >> Int64(state & 63)
            json.beginArray()
            json.value(double)
            json.value(integer)
            json.endArray()
            let read = try JSONValue(parsing: json.bytes)
            #expect(read[1]?.int64 == integer, "seed \(seed)")
            if double.isFinite { #expect(read[0]?.double == double, "seed \(seed)") } else { #expect(read[0] == .null) }
        }
    }

    @Test("short decimals read as the standard library reads them")
    func decimalsParse() throws {
        for text in [
            "0.1", "123.456", "-0.000001", "9007199254740991.5", "0.3e-5", "1E5", "1e-400", "12345678901234567.8",
        ] {
            #expect(try JSONValue(parsing: text).double == Double(text))
        }
        #expect(try JSONValue(parsing: "-0").double?.sign == .minus)
        #expect(try JSONValue(parsing: "9007199254740993").int64 == 9_007_199_254_740_993)
        #expect(try JSONValue(parsing: "-9223372036854775808").int64 == .min)
        #expect(try JSONValue(parsing: "9223372036854775808").int64 == nil)
        #expect(try JSONValue(parsing: "1.0").int64 == 1)
        #expect(try JSONValue(parsing: "1.5").int64 == nil)
    }

    @Test("objects keep order and duplicates, the last one counts")
    func objects() throws {
        let value = try JSONValue(parsing: #" {"a": 1, "b": [ ], "a" : {"c":null} } "#)
        #expect(value.members?.map(\.key) == ["a", "b", "a"])
        #expect(value["a"]?["c"]?.isNull == true)
        #expect(value["b"]?.array == [])
        #expect(value["z"] == nil)
    }

    @Test("escapes in texts, surrogate pairs included")
    func unescape() throws {
        let value = try JSONValue(parsing: #""\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00 é""#)
        #expect(value.string == "\"\\/\u{8}\u{c}\n\r\tAé€😀 é")
        #expect(try JSONValue(parsing: #""\u0000""#).string == "\u{0}")
    }

    @Test(
        "what is no JSON is refused with its place",
        arguments: [
            ("", 0), ("  ", 2), ("{", 1), ("[1,]", 3), ("[1 2]", 3), ("{\"a\":1,}", 7), ("{\"a\" 1}", 5), ("{a:1}", 1),
            ("01", 0), ("-", 1), ("1.", 2), (".5", 0), ("1e", 2), ("+1", 0), ("-01", 1), ("tru", 0), ("nulll", 4),
            ("\"a", 2), ("\"\\", 2), ("\"\\x\"", 1), ("\"\\u12g4\"", 1), ("\"\\u12\"", 1), ("\"\\ud800\"", 1),
            ("\"\\udc00\"", 1), ("\"\\ud800\\u0041\"", 1), ("\"a\nb\"", 2), ("1 1", 2), ("'a'", 0), ("NaN", 0),
            ("1e999", 0), ("//", 0), ("\u{FEFF}1", 0), ("[", 1), ("{\"a\":", 5), ("]", 0), ("\u{0}", 0),
        ])
    func refused(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error?.offset == offset, "\(text)")
    }

    @Test("ill-formed UTF-8 is refused with its place")
    func utf8() {
        for bad: [UInt8] in [[0x80], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82]] {
            let error = #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0x61] + bad + [0x22]) }
            #expect(error?.offset == 2)
        }
    }

    @Test("depth, bytes and values are limited")
    func limits() throws {
        let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        _ = try JSONValue(parsing: deep)
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: "[" + deep + "]") }
        #expect(error?.offset == 64)
        #expect(throws: JSONError.self) { try JSONValue(parsing: "[1,2,3]", limits: JSONLimits(bytesMax: 6)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: "[1,2,3]", limits: JSONLimits(valuesMax: 3)) }
        _ = try JSONValue(parsing: "[1,2,3]", limits: JSONLimits(bytesMax: 7, valuesMax: 4))
        #expect(throws: JSONError.self) {
            try JSONValue(parsing: [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000))
        }
    }

    @Test("what another writer wrote is read the same, and every cut or flipped byte is answered, never a trap")
    func damage() throws {
        let source: [String: Any] = ["k": ["é😀", 1.5, -3, true, NSNull(), ["x": "\n\"\\"]], "z": 1e-7]
        let bytes = [UInt8](try JSONSerialization.data(withJSONObject: source, options: [.sortedKeys]))
        var json = JSONWriter()
        json.value(try JSONValue(parsing: bytes))
        let back = try JSONSerialization.jsonObject(with: Data(json.bytes)) as? NSDictionary
        #expect(back == source as NSDictionary)
        for cut in 0..<bytes.count {
            #expect(throws: JSONError.self) { try JSONValue(parsing: Array(bytes[..<cut])) }
            for flip in 0..<8 {
                var damaged = bytes
                damaged[cut] ^= 1 << UInt8(flip)
                let ours = try? JSONValue(parsing: damaged)
                if ours != nil { #expect((try? JSONSerialization.jsonObject(with: Data(damaged))) != nil) }
            }
        }
    }
}
