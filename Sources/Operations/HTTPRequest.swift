/// A request as it arrived whole, with its target taken apart.
package struct HTTPRequest: Sendable {
    /// As sent, such as `GET`; methods are case-sensitive.
    package var method: String
    package var target: RequestTarget
    /// By lower-case name; the values of a name that came more than once are joined by ", ".
    package var headers: [String: String]
    package var body: [UInt8]
    /// The peer's address as digits, without its port.
    package var address: String
    /// What stands at the route's places, such as `user_id`; filled in when a route was found.
    package var parameters: [String: String] = [:]

    package init(
        method: String, target: RequestTarget, headers: [String: String] = [:], body: [UInt8] = [],
        address: String = "127.0.0.1"
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.address = address
    }
}

/// The target of a request line, unescaped: `/api/v1/cache/elena/u42?limit=3`.
package struct RequestTarget: Hashable, Sendable {
    /// What stands between the slashes; none for `/`.
    package var segments: [String]
    /// Names and values in order.
    package var query: [(name: String, value: String)]

    package static let bytesMax = 2048

    /// Takes a target apart.
    ///
    /// It is nil for what is no origin-form target, and for escapes that do not give UTF-8 without U+0000.
    ///
    /// - Parameter bytes: as sent; printable ASCII.
    package init?(_ bytes: [UInt8]) {
        guard bytes.first == UInt8(ascii: "/"), bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let mark = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        segments = []
        let path = bytes[1..<mark]
        if !path.isEmpty {
            for part in path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
                guard let text = Self.unescaped(part, plusIsSpace: false) else { return nil }
                segments.append(text)
            }
        }
        query = []
        guard mark < bytes.endIndex else { return }
        for part in bytes[(mark + 1)...].split(separator: UInt8(ascii: "&")) {
            let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.unescaped(halves[0], plusIsSpace: true),
                let value = halves.count > 1 ? Self.unescaped(halves[1], plusIsSpace: true) : ""
            else { return nil }
            query.append((name, value))
        }
    }

    private static func unescaped(_ bytes: ArraySlice<UInt8>, plusIsSpace: Bool) -> String? {
        var plain: [UInt8] = []
        plain.reserveCapacity(bytes.count)
        var place = bytes.startIndex
        while place < bytes.endIndex {
            let byte = bytes[place]
            if byte == UInt8(ascii: "%") {
                guard place + 2 < bytes.endIndex, let high = hexadecimal(bytes[place + 1]),
                    let low = hexadecimal(bytes[place + 2]), high | low != 0
                else { return nil }
                plain.append(high << 4 | low)
                place += 3
            } else {
                plain.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
                place += 1
            }
        }
        return String(validating: plain, as: UTF8.self)
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    package static func == (left: RequestTarget, right: RequestTarget) -> Bool {
        left.segments == right.segments && left.query.elementsEqual(right.query, by: ==)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(segments)
        for (name, value) in query {
            hasher.combine(name)
            hasher.combine(value)
        }
    }
}
