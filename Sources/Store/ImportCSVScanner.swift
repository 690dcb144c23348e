/// Finds records and fields in CSV bytes (RFC 4180), one record at a time, without copying.
///
/// Lines end in LF or CRLF; quoted fields may hold both, and `""` for a quote. A quote inside an unquoted field is
/// text. It does not decode anything: fields are ranges of the bytes it was given.
///
/// Complexity: O(1) amortised a byte.
struct CSVScanner {
    /// Where a field lies in the bytes, without its quotes.
    struct Field: Equatable {
        var start: Int
        var end: Int
        /// Whether `""` in it stands for a quote.
        var hasDoubledQuotes = false
    }

    /// What the bytes from a record's start on hold.
    enum Outcome: Equatable {
        /// A record that ends (with its line end) before this offset.
        case record(end: Int)
        /// A blank line that ends before this offset.
        case blank(end: Int)
        /// The bytes end inside the record, inside quotes that opened so many lines after its start, or outside.
        case incomplete(quoteOpenedAfterLines: Int?)
    }

    /// The fields of the record found last.
    private(set) var fields: [Field] = []
    /// Whether that record has text between a closing quote and the next comma.
    private(set) var isMalformed = false
    /// How many lines that record takes, 1 or more.
    private(set) var lines = 0

    private static let quote = UInt8(ascii: "\"")
    private static let comma = UInt8(ascii: ",")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    /// Finds the record that starts at an offset.
    ///
    /// - Parameters:
    ///   - window: part of the file.
    ///   - start: where a record starts, before the window's end.
    ///   - isLast: whether the file ends with these bytes, so that a record may lack its line end.
    /// - Returns: where the record ends; `fields` then lie in the window.
    mutating func scan(_ window: [UInt8], from start: Int, isLast: Bool) -> Outcome {
        let bytes = window.span
        fields.removeAll(keepingCapacity: true)
        isMalformed = false
        lines = 1
        var place = start
        while true {
            if place < bytes.count, bytes[place] == Self.quote {
                let opened = lines - 1
                guard let end = scanQuoted(bytes, from: place, isLast: isLast) else {
                    return .incomplete(quoteOpenedAfterLines: opened)
                }
                place = end
            } else {
                place = scanPlain(bytes, from: place)
            }
            guard place < bytes.count else {
                return isLast ? finish(bytes, start, place) : .incomplete(quoteOpenedAfterLines: nil)
            }
            if bytes[place] == Self.lineFeed { return finish(bytes, start, place + 1) }
            place += 1
        }
    }

    /// Ends a record; a line with nothing on it is none.
    private func finish(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Outcome {
        let isBlank = fields.count == 1 && fields[0].start == fields[0].end && fields[0].start == start
        return isBlank ? .blank(end: end) : .record(end: end)
    }

    /// Takes an unquoted field and returns the offset of the comma or LF after it, or the count.
    private mutating func scanPlain(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var place = start
        while place < bytes.count, bytes[place] != Self.comma, bytes[place] != Self.lineFeed { place += 1 }
        fields.append(Field(start: start, end: withoutReturn(bytes, start, place)))
        return place
    }

    /// Leaves out a CR that belongs to the line end at `end`.
    private func withoutReturn(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        let endsLine = end == bytes.count || bytes[end] == Self.lineFeed
        return endsLine && end > start && bytes[end - 1] == Self.carriageReturn ? end - 1 : end
    }

    /// Takes a quoted field and returns the offset of the comma or LF after it, or nil if the bytes end inside.
    private mutating func scanQuoted(_ bytes: Span<UInt8>, from start: Int, isLast: Bool) -> Int? {
        var field = Field(start: start + 1, end: start + 1)
        var place = start + 1
        while place < bytes.count {
            let byte = bytes[place]
            if byte == Self.lineFeed { lines += 1 }
            guard byte == Self.quote else {
                place += 1
                continue
            }
            if place + 1 < bytes.count, bytes[place + 1] == Self.quote {
                field.hasDoubledQuotes = true
                place += 2
                continue
            }
            // At the window's end the next byte may still double this quote.
            if place + 1 == bytes.count, !isLast { return nil }
            field.end = place
            fields.append(field)
            return scanAfterQuote(bytes, from: place + 1)
        }
        return nil
    }

    private mutating func scanAfterQuote(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var place = start
        while place < bytes.count, bytes[place] != Self.comma, bytes[place] != Self.lineFeed { place += 1 }
        if withoutReturn(bytes, start, place) > start { isMalformed = true }
        return place
    }
}
