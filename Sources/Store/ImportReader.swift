import Bytes

/// Reads a file record by record in constant memory, from its start or from where an earlier import stopped.
struct ImportReader: ~Copyable {
    /// What the file holds next.
    enum Step: Equatable {
        /// The record given to `next` was filled.
        case record
        /// A row that is no record.
        case rejected(ImportRejection)
        case end
    }

    private static let ignoredNamesMax = 32

    /// Bytes a record may have; a longer one in CSV is taken for a quote that was never closed.
    private let recordBytesMax: Int
    /// Bytes read at once.
    private let readBytes: Int

    let format: ImportFormat
    let file: ImportFile
    private let mapping: ImportMapping
    /// Names in the file that fill no column, in order of appearance, at most 32.
    private(set) var ignoredNames: [String] = []
    /// The line that the next record starts on, from 1.
    private(set) var line = 1

    private var window: [UInt8] = []
    private var windowOffset: Int64 = 0
    private var position = 0
    private var scanner = CSVScanner()
    /// For each CSV column the table's column it fills.
    private var columns: [ImportColumn?] = []
    private var knownNames: Set<String> = []
    private let names: [[String]]

    /// Reads the header of an open file.
    ///
    /// - Parameters:
    ///   - file: the file.
    ///   - format: how it is written.
    ///   - mapping: which of its columns are wanted.
    ///   - recordBytesMax: bytes a record may have.
    ///   - readBytes: bytes read at once.
    /// - Throws: `ImportError` when it can't be read, or lacks a required column.
    init(
        file: consuming ImportFile, format: ImportFormat, mapping: ImportMapping, recordBytesMax: Int = 4 << 20,
        readBytes: Int = 1 << 20
    ) throws(ImportError) {
        self.recordBytesMax = recordBytesMax
        self.readBytes = readBytes
        self.file = file
        self.format = format
        self.mapping = mapping
        names = ImportColumn.allCases.map { mapping.names(of: $0) }
        for group in names { knownNames.formUnion(group) }
        try fill()
        if window.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        if format == .csv { try readHeader() }
    }

    /// The file offset of the next record.
    var offset: Int64 { windowOffset + Int64(position) }

    /// Continues from a record's start that an earlier reader of the same file reported.
    mutating func seek(offset: Int64, line: Int) throws(ImportError) {
        window.removeAll(keepingCapacity: true)
        windowOffset = offset
        position = 0
        self.line = line
        try fill()
    }

    /// Reads the next record.
    ///
    /// - Parameter record: filled when the step is `record`.
    /// - Returns: what was found; blank lines are passed over.
    /// - Throws: `ImportError` of kind `malformed` for a quote that is never closed, which names its line.
    mutating func next(into record: inout ImportRecord) throws(ImportError) -> Step {
        switch format {
        case .csv: try nextCSV(into: &record)
        case .jsonl: try nextJSON(into: &record)
        }
    }

    private var isLastWindow: Bool { windowOffset + Int64(window.count) >= file.size }

    /// Drops what has been read and reads on.
    private mutating func fill() throws(ImportError) {
        windowOffset += Int64(position)
        window.removeSubrange(..<position)
        position = 0
        try file.read(at: windowOffset + Int64(window.count), countMax: readBytes, into: &window)
    }

    // CSV

    /// Finds the next record's end, or nil at the end of the file; the fields are then in the scanner.
    private mutating func scanCSV() throws(ImportError) -> Int? {
        while true {
            if position == window.count {
                if isLastWindow { return nil }
                try fill()
            }
            let isLast = isLastWindow
            switch scanner.scan(window, from: position, isLast: isLast) {
            case .record(let end): return end
            case .blank(let end):
                position = end
                line += 1
            case .incomplete(let opened):
                guard !isLast, window.count - position < recordBytesMax else {
                    throw unclosed(line: line + (opened ?? 0), atEnd: isLast, inQuotes: opened != nil)
                }
                try fill()
            }
        }
    }

    private func unclosed(line: Int, atEnd: Bool, inQuotes: Bool) -> ImportError {
        let limit = atEnd ? "before the end of the file" : "within \(recordBytesMax) bytes"
        let what = inQuotes ? "the quote opened on line \(line) to be closed" : "the record on line \(line) to end"
        return ImportError(
            .malformed, "expected \(what) \(limit), got: none",
            hint: "quotes inside a quoted field are doubled (\"\"); fix the line and run the same command again")
    }

    private mutating func nextCSV(into record: inout ImportRecord) throws(ImportError) -> Step {
        guard let end = try scanCSV() else { return .end }
        let recordLine = line
        position = end
        line += scanner.lines
        if scanner.isMalformed {
            return .rejected(ImportRejection(line: recordLine, reason: "text follows a closing quote"))
        }
        let count = scanner.fields.count
        guard count == columns.count else {
            return .rejected(
                ImportRejection(line: recordLine, reason: "expected \(columns.count) columns, got: \(count)"))
        }
        record.reset(line: recordLine)
        let span = window.span
        for index in 0..<count {
            if let column = columns[index] { record.set(column, to: scanner.fields[index], in: span) }
        }
        return .record
    }

    private mutating func readHeader() throws(ImportError) {
        guard let end = try scanCSV() else {
            throw ImportError(
                .malformed, "expected `\(file.path)` to start with a header line, got: an empty file",
                hint: "the first line names the columns, such as user_id,bot_name,role,content,created_at")
        }
        var name = ImportRecord()
        var names: [String] = []
        for field in scanner.fields {
            name.reset(line: line)
            name.set(.content, to: field, in: window.span)
            names.append(String(decoding: name.bytes, as: UTF8.self))
        }
        position = end
        line += scanner.lines
        columns = Array(repeating: nil, count: names.count)
        for column in ImportColumn.allCases {
            try place(column, among: names)
        }
        for (index, name) in names.enumerated() where columns[index] == nil { noteIgnored(name) }
    }

    private mutating func place(_ column: ImportColumn, among names: [String]) throws(ImportError) {
        let wanted = mapping.names(of: column)
        let isMapped = mapping.sources[column] != nil
        guard let name = wanted.first(where: { names.contains($0) }) else {
            let isCovered = column == .botName && mapping.defaultBot != nil
            guard isMapped || (column.isRequired && !isCovered) else { return }
            let bot = column == .botName ? ", or --bot NAME if one bot wrote them all" : ""
            let commas = names.count == 1 ? " (columns are separated by commas)" : ""
            throw ImportError(
                .malformed, "expected a column `\(wanted[0])` in the header, got: \(Self.list(names))\(commas)",
                hint: "name the file's own column with --map \(column.name)=COLUMN\(bot)")
        }
        let places = names.indices.filter { names[$0] == name }
        guard places.count == 1, columns[places[0]] == nil else {
            throw ImportError(
                .malformed, "expected one column `\(name)` for \(column.name), got: \(places.count) or one used twice",
                hint: "rename or remove columns of the file, or choose another with --map \(column.name)=COLUMN")
        }
        columns[places[0]] = column
    }

    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(20).map { "`" + $0.prefix(40) + "`" }.joined(separator: ", ")
        return names.count > 20 ? shown + ", …" : shown
    }

    private mutating func noteIgnored(_ name: String) {
        guard ignoredNames.count < Self.ignoredNamesMax, !ignoredNames.contains(name) else { return }
        ignoredNames.append(String(name.prefix(64)))
    }

    // JSONL

    private mutating func nextJSON(into record: inout ImportRecord) throws(ImportError) -> Step {
        while let end = try lineEnd() {
            let start = position
            let recordLine = line
            position = min(end + 1, window.count)
            line += 1
            let value: JSONValue
            switch Self.parse(window, start..<end, recordBytesMax) {
            case .none: continue
            case .failure(let fault): return .rejected(ImportRejection(line: recordLine, reason: fault.reason))
            case .success(let parsed): value = parsed
            }
            record.reset(line: recordLine)
            if let reason = take(value, into: &record) {
                return .rejected(ImportRejection(line: recordLine, reason: reason))
            }
            return .record
        }
        return .end
    }

    private struct Fault: Error { var reason: String }

    /// The JSON value of a line; nil for a blank one.
    private static func parse(
        _ window: [UInt8], _ range: Range<Int>, _ recordBytesMax: Int
    ) -> Result<JSONValue, Fault>? {
        let text = window.span.extracting(range)
        var isBlank = true
        for index in text.indices where text[index] > 0x20 {
            isBlank = false
            break
        }
        if isBlank { return nil }
        guard text.count <= recordBytesMax else {
            return .failure(Fault(reason: "the line has more than \(recordBytesMax) bytes"))
        }
        do {
            return .success(try JSONScanner.scan(text, limits: JSONLimits(bytesMax: recordBytesMax)))
        } catch {
            return .failure(Fault(reason: "the line is no JSON: \(error)"))
        }
    }

    /// The window's offset of the LF that ends the line at hand, or of the file's end; nil when nothing is left.
    ///
    /// Of a line longer than a record may be, only a piece just over the limit is kept.
    private mutating func lineEnd() throws(ImportError) -> Int? {
        var searched = position
        while true {
            var place = searched
            while place < window.count, window[place] != UInt8(ascii: "\n") { place += 1 }
            if place < window.count { return place }
            if isLastWindow { return position < window.count ? window.count : nil }
            let kept = window.count - position
            if kept > recordBytesMax + readBytes {
                let keptEnd = position + recordBytesMax + 1
                windowOffset += Int64(window.count - keptEnd)
                window.removeSubrange(keptEnd...)
            }
            try fill()
            searched = position
        }
    }

    /// Copies an object's members; returns what is wrong with it.
    private mutating func take(_ value: JSONValue, into record: inout ImportRecord) -> String? {
        guard let members = value.members else { return "the line is not a JSON object" }
        for member in members where !knownNames.contains(member.key) { noteIgnored(member.key) }
        for column in ImportColumn.allCases {
            guard let found = names[column.rawValue].lazy.compactMap({ value[$0] }).first, !found.isNull else {
                continue
            }
            if column == .emotion || column == .embedding {
                record.set(column, to: found)
            } else if let text = found.string {
                record.set(column, to: text)
            } else if column.isIdentifier, let number = found.int64 {
                record.set(column, to: String(number))
            } else {
                return "\(column.name) is not a string"
            }
        }
        return nil
    }
}
