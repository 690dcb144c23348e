extension JSONScanner {
    /// Reads a string from its opening to its closing quote.
    @_lifetime(self: copy self)
    mutating func scanString() throws(JSONError) -> String {
        offset += 1
        let start = offset
        var hasEscape = false
        while let byte = next, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { throw fault("an escaped control character") }
            hasEscape = hasEscape || byte == UInt8(ascii: "\\")
            offset += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        guard offset < bytes.count else {
            offset = bytes.count
            throw fault("a closing quote")
        }
        let end = offset
        if let bad = UTF8Text.firstInvalidOffset(in: bytes.extracting(start..<end)) {
            throw JSONError(offset: start + bad, expected: "valid UTF-8")
        }
        offset = end + 1
        guard hasEscape else { return UTF8Text.string(bytes.extracting(start..<end)) }
        return try unescape(start..<end)
    }

    private func unescape(_ range: Range<Int>) throws(JSONError) -> String {
        var raw: [UInt8] = []
        raw.reserveCapacity(range.count)
        var place = range.lowerBound
        while place < range.upperBound {
            let byte = bytes[place]
            guard byte == UInt8(ascii: "\\") else {
                raw.append(byte)
                place += 1
                continue
            }
            switch bytes[place + 1] {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): raw.append(bytes[place + 1])
            case UInt8(ascii: "b"): raw.append(0x08)
            case UInt8(ascii: "f"): raw.append(0x0C)
            case UInt8(ascii: "n"): raw.append(0x0A)
            case UInt8(ascii: "r"): raw.append(0x0D)
            case UInt8(ascii: "t"): raw.append(0x09)
            case UInt8(ascii: "u"):
                let (scalar, length) = try escapedScalar(at: place, in: range)
                UTF8Text.append(scalar, to: &raw)
                place += length
                continue
            default: throw JSONError(offset: place, expected: "an escape of RFC 8259")
            }
            place += 2
        }
        return String(decoding: raw, as: UTF8.self)
    }

    /// The scalar written as `\uXXXX`, or as two of them, and the bytes that it takes.
    private func escapedScalar(at place: Int, in range: Range<Int>) throws(JSONError) -> (Unicode.Scalar, Int) {
        let first = try hexadecimalUnit(at: place, in: range)
        if let scalar = Unicode.Scalar(first) { return (scalar, 6) }
        let paired = JSONError(offset: place, expected: "a pair of surrogates")
        guard first < 0xDC00, place + 12 <= range.upperBound, bytes[place + 6] == UInt8(ascii: "\\"),
            bytes[place + 7] == UInt8(ascii: "u")
        else { throw paired }
        let second = try hexadecimalUnit(at: place + 6, in: range)
        guard (0xDC00...0xDFFF).contains(second) else { throw paired }
        let code = 0x10000 + (UInt32(first - 0xD800) << 10) + UInt32(second - 0xDC00)
        guard let scalar = Unicode.Scalar(code) else { throw paired }
        return (scalar, 12)
    }

    private func hexadecimalUnit(at place: Int, in range: Range<Int>) throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for index in place + 2..<place + 6 {
            guard index < range.upperBound, let digit = Hexadecimal.value(bytes[index]) else {
                throw JSONError(offset: place, expected: "four hexadecimal digits")
            }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    /// Reads a number; exact integers and short decimals take no general conversion.
    @_lifetime(self: copy self)
    mutating func scanNumber() throws(JSONError) -> JSONNumber {
        let start = offset
        let isNegative = next == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        let firstDigit = offset
        var digits = try skipDigits()
        if digits > 1, bytes[firstDigit] == UInt8(ascii: "0") {
            throw JSONError(offset: firstDigit, expected: "a number without leading zeros")
        }
        var decimals = 0
        if next == UInt8(ascii: ".") {
            offset += 1
            decimals = try skipDigits()
            digits += decimals
        }
        var hasExponent = false
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            hasExponent = true
            offset += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { offset += 1 }
            _ = try skipDigits()
        }
        if !hasExponent, digits <= 18 {
            let units = plainDigits(firstDigit..<offset)
            if decimals == 0, !(isNegative && units == 0) { return JSONNumber(isNegative ? -units : units) }
            if units < 1 << 53 {
                // Both are exact doubles, so the one division rounds correctly (Clinger 1990).
                let magnitude = Double(units) / Self.powersOfTen[decimals]
                return JSONNumber(isNegative ? -magnitude : magnitude)
            }
        }
        let text = UTF8Text.string(bytes.extracting(start..<offset))
        if decimals == 0, !hasExponent, let exact = Int64(text) { return JSONNumber(exact) }
        guard let double = Double(text), double.isFinite else {
            throw JSONError(offset: start, expected: "a number within the range of a double")
        }
        return JSONNumber(double)
    }

    private static let powersOfTen: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    ]

    private func plainDigits(_ range: Range<Int>) -> Int64 {
        var units: Int64 = 0
        for index in range where bytes[index] != UInt8(ascii: ".") {
            units = units * 10 + Int64(bytes[index] - UInt8(ascii: "0"))
        }
        return units
    }

    @_lifetime(self: copy self)
    private mutating func skipDigits() throws(JSONError) -> Int {
        let start = offset
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { offset += 1 }
        guard offset > start else { throw fault("a digit") }
        return offset - start
    }
}
