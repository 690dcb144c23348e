import Bytes

/// The cells of one record, copied out of the file: what CSV and JSONL have in common before anything is checked.
struct ImportRecord {
    /// The line of the file on which the record starts, from 1.
    var line = 0
    /// The cells' bytes, one after the other.
    private(set) var bytes: [UInt8] = []
    private var ranges: [Range<Int>?] = Array(repeating: nil, count: ImportColumn.allCases.count)

    /// Forgets the cells and keeps the memory.
    mutating func reset(line: Int) {
        self.line = line
        bytes.removeAll(keepingCapacity: true)
        for index in ranges.indices { ranges[index] = nil }
    }

    /// Where a column's bytes lie; nil: the record has none, or nothing in it.
    func range(of column: ImportColumn) -> Range<Int>? { ranges[column.rawValue] }

    /// Sets a cell from a CSV field.
    mutating func set(_ column: ImportColumn, to field: CSVScanner.Field, in window: Span<UInt8>) {
        let start = bytes.count
        if field.hasDoubledQuotes {
            var place = field.start
            while place < field.end {
                bytes.append(window[place])
                place += window[place] == UInt8(ascii: "\"") ? 2 : 1
            }
        } else {
            bytes.append(contentsOf: window.extracting(field.start..<field.end))
        }
        ranges[column.rawValue] = start..<bytes.count
    }

    /// Sets a cell from text.
    mutating func set(_ column: ImportColumn, to text: String) {
        let start = bytes.count
        bytes.append(contentsOf: text.utf8)
        ranges[column.rawValue] = start..<bytes.count
    }

    /// Sets a cell from JSON text, for the columns that hold it.
    mutating func set(_ column: ImportColumn, to json: JSONValue) {
        var writer = JSONWriter()
        writer.value(json)
        let start = bytes.count
        bytes.append(contentsOf: writer.bytes)
        ranges[column.rawValue] = start..<bytes.count
    }
}

extension [UInt8] {
    /// Appends the bytes of a span.
    mutating func append(contentsOf span: Span<UInt8>) {
        // The buffer is only read here, while the span holds its owner.
        unsafe span.withUnsafeBufferPointer { buffer in unsafe append(contentsOf: buffer) }
    }
}

/// Why one row of the file is not loaded; it never carries the row's text.
package struct ImportRejection: Error, Equatable, Sendable {
    /// The line on which the row starts, from 1.
    package var line: Int
    /// What was expected.
    package var reason: String
}

/// Why a file can't be imported at all, or any further; it never carries the file's text.
package struct ImportError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What a caller may want to tell apart.
    package enum Kind: Sendable {
        /// The file can't be opened or read.
        case unreadable
        /// The file's shape is wrong: no header, a column missing, a quote never closed.
        case malformed
        /// Another process imports the same file.
        case busy
        /// The person asked to stop.
        case interrupted
    }

    package var kind: Kind
    package var message: String
    package var hint: String

    package init(_ kind: Kind, _ message: String, hint: String) {
        self.kind = kind
        self.message = message
        self.hint = hint
    }

    package var description: String { "\(message)\nhint: \(hint)" }
}
