extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC: `2018-05-06T03:01:14Z`, with six decimals where the second is not whole.
    ///
    /// Years past 9999 have more digits, years before 1 end in ` BC`, and the ends of the range are `infinity` and
    /// `-infinity`: PostgreSQL reads them all, RFC 3339 has no form for them.
    package var rfc3339: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(27)
        appendRFC3339(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    package var description: String { rfc3339 }

    /// Appends the RFC 3339 form as ASCII.
    package func appendRFC3339(to bytes: inout [UInt8]) {
        guard self != .infinity, self != .negativeInfinity else {
            bytes.append(contentsOf: self == .infinity ? "infinity".utf8 : "-infinity".utf8)
            return
        }
        let date = civilDate()
        let ofDay = UInt64(floorModulo(microseconds, 86_400_000_000))
        let second = ofDay / 1_000_000
        let fraction = ofDay % 1_000_000
        Decimal.append(UInt64(date.year > 0 ? date.year : 1 - date.year), widthMin: 4, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        Decimal.append(UInt64(date.month), widthMin: 2, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        Decimal.append(UInt64(date.day), widthMin: 2, to: &bytes)
        bytes.append(UInt8(ascii: "T"))
        Decimal.append(second / 3600, widthMin: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        Decimal.append(second / 60 % 60, widthMin: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        Decimal.append(second % 60, widthMin: 2, to: &bytes)
        if fraction > 0 {
            bytes.append(UInt8(ascii: "."))
            Decimal.append(fraction, widthMin: 6, to: &bytes)
        }
        bytes.append(UInt8(ascii: "Z"))
        if date.year < 1 { bytes.append(contentsOf: " BC".utf8) }
    }
}
