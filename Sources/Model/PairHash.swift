import Bytes

/// The keyed hash by which notifications name a pair without saying who it is.
///
/// SipHash-2-4 of the bot's name, a unit separator and the user's id, under the first 16 bytes of the cluster's
/// `notification_key`; written as 16 hexadecimal digits.
package struct PairHash: Sendable {
    private let first: UInt64
    private let second: UInt64

    /// Takes the cluster's key; nil unless it has at least 16 bytes.
    package init?(notificationKey: [UInt8]) {
        guard notificationKey.count >= 16 else { return nil }
        func word(_ start: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(notificationKey[start + $1]) << UInt64(8 * $1) }
        }
        first = word(0)
        second = word(8)
    }

    /// The hash of a pair.
    package func hash(_ pair: Pair) -> UInt64 {
        var bytes = Array(pair.botName.utf8)
        bytes.append(0x1f)
        bytes.append(contentsOf: pair.userID.utf8)
        return StableHash.keyed(bytes, key: (first, second))
    }

    /// The hash as notifications write it.
    package static func text(_ hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Reads what `text` writes; nil for anything else.
    package static func parse(_ text: String) -> UInt64? {
        guard text.utf8.count == 16, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }) else {
            return nil
        }
        return UInt64(text, radix: 16)
    }
}
