import Bytes
import Foundation
import Testing

/// Texts that are JSON, nearly JSON or far from it, by a seed.
struct GeneratedJSON {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private static let words = ["true", "false", "null", "nul", "True", "NaN", "Infinity", "//", "'a'", ""]
    private static let numbers = [
        "0", "-0", "1", "-12", "00", "01", "-", "+1", "1.", ".5", "1.5", "-0.25e-3", "1e5", "1E+5", "1e", "1e+", "0x10",
        "123456789012345678", "12345678901234567890", "9223372036854775807", "-9223372036854775808", "0.1e1", "1_0",
        "3.141592653589793238462643383279",
    ]
    private static let pieces = [
        "a", "é", "😀", "\u{7f}", "\u{2028}", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9", "\\ud83d\\ude00",
        "\\x", "\\u12g4", "\\u12", "\\", "\t", "\n", "\u{1}", "\"",
    ]
    private static let spaces = ["", "", "", " ", "\n", "\t", "\r\n", "\u{b}", "\u{a0}"]

    /// The next text: a value in which something may be wrong, then now and then a damaged byte.
    mutating func next() -> [UInt8] {
        var bytes = Array((space() + value(depth: 0) + space()).utf8)
        if Int.random(in: 0..<4, using: &random) == 0, !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            // Printable, because a zero byte makes the reference take the text for UTF-16.
            case 0: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &random)
            case 1: bytes.remove(at: place)
            default: bytes.insert(bytes[place], at: place)
            }
        }
        return bytes
    }

    private mutating func space() -> String { Self.spaces[Int.random(in: 0..<Self.spaces.count, using: &random)] }

    private mutating func one(of list: [String]) -> String { list[Int.random(in: 0..<list.count, using: &random)] }

    private mutating func string() -> String {
        // Most are right, or hardly any text would be.
        let whole = Int.random(in: 0..<8, using: &random) > 0
        let known = whole ? Array(Self.pieces.prefix(12)) : Self.pieces
        return "\"" + (0..<Int.random(in: 0..<5, using: &random)).map { _ in one(of: known) }.joined() + "\""
    }

    private mutating func value(depth: Int) -> String {
        switch Int.random(in: 0..<(depth < 6 ? 8 : 5), using: &random) {
        case 0: return one(of: Int.random(in: 0..<8, using: &random) == 0 ? Self.words : Array(Self.words.prefix(3)))
        case 1: return one(of: Self.numbers)
        case 2: return String(Int64(bitPattern: random.next()) >> Int64.random(in: 0..<60, using: &random))
        case 3, 4: return string()
        case 5: return array(depth)
        default: return object(depth)
        }
    }

    private mutating func array(_ depth: Int) -> String {
        var elements: [String] = []
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
            elements.append(space() + value(depth: depth + 1) + space())
        }
        let isWrong = Int.random(in: 0..<20, using: &random) == 0
        return "[" + elements.joined(separator: isWrong ? ";" : ",") + (isWrong ? ",]" : space() + "]")
    }

    private mutating func object(_ depth: Int) -> String {
        var members: [String] = []
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
            let colon = Int.random(in: 0..<20, using: &random) == 0 ? "" : ":"
            members.append(space() + string() + space() + colon + space() + value(depth: depth + 1) + space())
        }
        return "{" + members.joined(separator: ",") + space() + "}"
    }
}

@Suite("JSON is what a reference takes for JSON")
struct JSONReferenceTests {
    /// The reference's value; nil when it refuses the text.
    private static func reference(_ bytes: [UInt8]) -> Any? {
        try? JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed])
    }

    @Test(
        "accepted and refused alike, and the values are the same",
        arguments: [1, 2, 3, UInt64.random(in: 4...UInt64.max)])
    func sameVerdict(seed: UInt64) {
        var generated = GeneratedJSON(seed: seed)
        var accepted = 0
        for _ in 0..<10_000 {
            let bytes = generated.next()
            let ours = try? JSONValue(parsing: bytes)
            let theirs = Self.reference(bytes)
            // The reference takes `[1,]`, which RFC 8259 does not.
            let isLenient = ours == nil && String(decoding: bytes, as: UTF8.self).contains(#/,[ \t\r\n]*\]/#)
            let isSame = (ours != nil) == (theirs != nil) || isLenient
            #expect(isSame, "seed \(seed), ours \(ours != nil), \(bytes)")
            guard let ours, let theirs else { continue }
            accepted += 1
            #expect(Self.isSame(ours, theirs), "seed \(seed), \(bytes)")
        }
        // Both verdicts are tried.
        #expect(accepted > 3_000 && accepted < 9_500, "seed \(seed), \(accepted) accepted")
    }

    private static func isSame(_ ours: JSONValue, _ theirs: Any) -> Bool {
        switch ours {
        case .null: return theirs is NSNull
        case .bool(let flag): return (theirs as? Bool) == flag
        case .number(let number):
            // The reference keeps long numbers as decimals, whose way to a double does not round correctly.
            guard let double = (theirs as? NSNumber)?.doubleValue else { return false }
            return abs(double - number.double) <= 8 * number.double.ulp
        case .string(let text): return (theirs as? String).map { Array($0.utf8) == Array(text.utf8) } ?? false
        case .array(let elements):
            guard let list = theirs as? [Any], list.count == elements.count else { return false }
            return zip(elements, list).allSatisfy(isSame)
        case .object(let members):
            guard let object = theirs as? [String: Any] else { return false }
            // Of members with one name the last counts here, and some one there.
            let names = Dictionary(grouping: members, by: \.key)
            return names.count == object.count
                && names.allSatisfy { name, values in
                    object[name].map { other in values.contains { isSame($0.value, other) } } ?? false
                }
        }
    }
}
