import Bytes
import Glibc

/// The folder of labelled sets: lines of JSON, and CSV with a header, plain or compressed by gzip (`.gz`).
struct DataFolder {
    var path: String

    /// Whether a file can be read.
    func has(_ file: String) -> Bool { unsafe access(path + "/" + file, R_OK) == 0 }

    /// The bytes of a file, decompressed.
    func bytes(_ file: String) throws -> [UInt8] {
        let name = path + "/" + file
        guard has(file) else { throw BenchError("expected \(name), got: no such file") }
        guard !name.contains("'") else { throw BenchError("expected a path without quotation marks, got: \(name)") }
        let program = file.hasSuffix(".gz") ? "gzip -dc" : "cat"
        guard let stream = unsafe popen("\(program) -- '\(name)'", "r") else {
            throw BenchError("expected \(program) to start, got: error \(errno)")
        }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = unsafe fread(&piece, 1, piece.count, stream)
            if count == 0 { break }
            bytes += piece[..<count]
        }
        guard unsafe pclose(stream) == 0 else {
            throw BenchError("expected \(program) to read \(name), got: a failure")
        }
        return bytes
    }

    /// One JSON value a line.
    func lines(_ file: String) throws -> [JSONValue] {
        var values: [JSONValue] = []
        for line in try bytes(file).split(separator: UInt8(ascii: "\n")) {
            values.append(try JSONValue(parsing: Array(line), limits: .data))
        }
        return values
    }

    /// Rows of a CSV file by the names of its header.
    func table(_ file: String) throws -> DataTable { DataTable(CSVText.records(try bytes(file))) }
}

extension JSONLimits {
    /// Whole meetings are one line.
    fileprivate static var data: JSONLimits { JSONLimits(bytesMax: 64 << 20, valuesMax: 10_000_000) }
}

/// A CSV file's records.
struct DataTable {
    private let columns: [String: Int]
    let rows: [[String]]

    init(_ records: [[String]]) {
        columns = Dictionary(uniqueKeysWithValues: (records.first ?? []).enumerated().map { ($1, $0) })
        rows = Array(records.dropFirst())
    }

    /// The place of a column.
    func column(_ name: String) throws -> Int {
        guard let place = columns[name] else {
            throw BenchError("expected a column \(name), got: \(columns.keys.sorted().joined(separator: ", "))")
        }
        return place
    }
}

extension JSONValue {
    /// A member that must be there.
    func member(_ key: String) throws -> JSONValue {
        guard let value = self[key] else { throw BenchError("expected a member \(key), got: none") }
        return value
    }

    /// A list of texts that must be there.
    func texts(_ key: String) throws -> [String] {
        (try member(key).array ?? []).map { $0.string ?? "" }
    }

    /// A list of numbers that must be there.
    func numbers(_ key: String) throws -> [Double] {
        (try member(key).array ?? []).map { $0.double ?? .nan }
    }
}
