import Bytes
import Postgres

/// What to import, and how.
package struct ImportOptions: Sendable {
    package var source: ImportSource
    /// Nil: by the file's name, then its first byte.
    package var format: ImportFormat?
    package var mapping = ImportMapping()
    /// Whether all times are moved by one constant so that the newest is now.
    package var shiftsToNow = false
    /// Whether a file that was imported before is imported again.
    package var again = false
    /// Where rejected rows are noted; nil: they are only counted.
    package var rejectsPath: String?
    /// Rows that one transaction loads.
    package var chunkRowsMax = 20_000

    package init(_ source: ImportSource) { self.source = source }
}

/// How far an import is.
package struct ImportProgress: Equatable, Sendable {
    /// What is being done.
    package enum Phase: Sendable {
        /// The file's shape is checked, nothing is loaded yet.
        case checking
        case loading
    }

    package var phase: Phase
    package var bytesDone: Int64
    package var bytesTotal: Int64
    /// Rows read so far.
    package var rows: Int64
}

/// What an import came to.
package struct ImportReport: Equatable, Sendable {
    /// Rows in the table that were not there before, by this and earlier runs for the same file.
    package var loaded: Int64 = 0
    /// Rows whose external id the pair had already.
    package var duplicates: Int64 = 0
    /// Rows that were refused.
    package var rejected: Int64 = 0
    /// Rows that were passed over because their user was erased.
    package var erased: Int64 = 0
    /// Columns of the file that fill none of the table.
    package var ignoredNames: [String] = []
    /// Microseconds that were added to every time.
    package var shiftMicroseconds: Int64 = 0
    /// Where the rejected rows are noted; nil if there are none.
    package var rejectsPath: String?
    /// The line that a run before this one had come to; nil: this run began at the start.
    package var resumedAtLine: Int64?
    /// Whether nothing was done because the file had been imported as a whole.
    package var wasAlreadyImported = false
}

/// Loads a file of messages: in chunks, each with its place in the file in one transaction.
///
/// So a killed import goes on where it stopped, every row is loaded exactly once with or without an external id, and
/// two imports of the same file at once can't both load a chunk. Memory does not grow with the file.
package struct Importer: ~Copyable {
    /// How far ahead of the database's clock a message may be, in microseconds.
    static let aheadMicrosecondsMax: Int64 = 86_400_000_000
    /// Bytes of rows after which a chunk is loaded even with few rows.
    static let chunkBytesMax = 16 << 20
    /// Bytes given to the connection at once.
    private static let pieceBytes = 64 << 10
    /// Rows between two reports of progress while checking.
    private static let reportRows: Int64 = 20_000

    private let options: ImportOptions
    private var reader: ImportReader
    private let fingerprint: [UInt8]
    private let start: (offset: Int64, line: Int)
    private var record = ImportRecord()
    private var rowsRead: Int64 = 0

    /// Opens the file and reads its header.
    ///
    /// - Parameter options: what to import.
    /// - Throws: `ImportError` when the file can't be read or lacks a required column.
    package init(_ options: ImportOptions) throws(ImportError) {
        let file = try ImportFile(options.source)
        var first: [UInt8] = []
        try file.read(at: 0, countMax: 64, into: &first)
        let format = options.format ?? ImportFormat(path: file.path, firstBytes: first)
        let shift = options.shiftsToNow ? "shift" : "as it is"
        let fingerprint = try file.fingerprint(reading: "\(format)\n\(shift)\n\(options.mapping.canonicalText)")
        let reader = try ImportReader(file: file, format: format, mapping: options.mapping)
        // Assigned last: a half-made value can't be undone.
        start = (reader.offset, reader.line)
        self.reader = reader
        self.fingerprint = fingerprint
        self.options = options
    }

    /// Imports the file.
    ///
    /// - Parameters:
    ///   - connection: a session of a role that may insert into `messages` and write `import_progress`.
    ///   - shouldStop: asked between chunks.
    ///   - report: told of progress.
    /// - Returns: what was loaded, by this and earlier runs together.
    /// - Throws: `ImportError`, or `PostgresError`; what was committed before stays and is not repeated.
    package mutating func run(
        _ connection: inout Connection, shouldStop: () -> Bool = { false }, report: (ImportProgress) -> Void = { _ in }
    ) throws -> ImportReport {
        guard let now = try connection.first(DatabaseClock()) else {
            preconditionFailure("expected one row from a select without from, got: none")
        }
        var progress = try begin(&connection)
        if progress.isFinished { return result(progress, resumedAtLine: nil, wasAlreadyImported: true) }
        var encoder = ImportRowEncoder(
            latest: Timestamp(microseconds: now.microseconds + Self.aheadMicrosecondsMax))
        var resumedAtLine: Int64?
        if progress.byteOffset > 0 {
            resumedAtLine = progress.line
            try reader.seek(offset: progress.byteOffset, line: Int(progress.line))
        } else {
            try check(&encoder, shouldStop, report)
            if options.shiftsToNow, let newest = encoder.newest {
                progress.shiftMicroseconds = now.microseconds - newest.microseconds
            }
            try reader.seek(offset: start.offset, line: start.line)
        }
        encoder.shiftMicroseconds = progress.shiftMicroseconds
        rowsRead = progress.loaded + progress.duplicates + progress.rejected + progress.erased
        var rejects = ImportRejects(path: options.rejectsPath, bytesWritten: progress.rejectsBytes)
        while !progress.isFinished {
            if shouldStop() { throw interrupted(progress) }
            progress = try chunk(&connection, from: progress, &encoder, &rejects)
            report(at(.loading))
        }
        return result(progress, resumedAtLine: resumedAtLine, wasAlreadyImported: false)
    }

    private func at(_ phase: ImportProgress.Phase) -> ImportProgress {
        ImportProgress(phase: phase, bytesDone: reader.offset, bytesTotal: reader.file.size, rows: rowsRead)
    }

    private func interrupted(_ progress: ImportProgressRow) -> ImportError {
        ImportError(
            .interrupted, "stopped before line \(progress.line); \(progress.loaded) rows are loaded",
            hint: "run the same command again to go on from there")
    }

    private func result(
        _ progress: ImportProgressRow, resumedAtLine: Int64?, wasAlreadyImported: Bool
    ) -> ImportReport {
        ImportReport(
            loaded: progress.loaded, duplicates: progress.duplicates, rejected: progress.rejected,
            erased: progress.erased,
            ignoredNames: reader.ignoredNames, shiftMicroseconds: progress.shiftMicroseconds,
            rejectsPath: progress.rejected > 0 ? options.rejectsPath : nil, resumedAtLine: resumedAtLine,
            wasAlreadyImported: wasAlreadyImported)
    }

    /// Finds out how far an earlier run came.
    private func begin(_ connection: inout Connection) throws -> ImportProgressRow {
        try connection.transaction { connection in
            try connection.run(BeginImport(fingerprint: fingerprint))
            let progress = try locked(&connection)
            guard options.again else { return progress }
            let fresh = ImportProgressRow()
            try connection.run(AdvanceImport(fingerprint: fingerprint, progress: fresh))
            return fresh
        }
    }

    private func locked(_ connection: inout Connection) throws -> ImportProgressRow {
        guard let progress = try connection.first(LockImport(fingerprint: fingerprint)) else {
            throw ImportError(
                .busy, "expected the file's row in import_progress, got: none", hint: "run the same command again")
        }
        return progress
    }

    /// Reads the whole file once before anything is loaded: a quote that is never closed must not leave half a file
    /// behind, and the newest time must be known to move it.
    private mutating func check(
        _ encoder: inout ImportRowEncoder, _ shouldStop: () -> Bool, _ report: (ImportProgress) -> Void
    ) throws {
        // Lines of JSON can't spoil those after them.
        guard reader.format == .csv || options.shiftsToNow else { return }
        var rows: Int64 = 0
        while true {
            let step = try reader.next(into: &record)
            if step == .end { return }
            rows += 1
            if options.shiftsToNow, step == .record {
                // Whatever is refused here is refused, and counted, again when it is loaded.
                try? encoder.append(record, defaultBot: options.mapping.defaultBot)
                encoder.reset()
            }
            if rows % Self.reportRows == 0 {
                if shouldStop() { throw interrupted(ImportProgressRow()) }
                report(
                    ImportProgress(
                        phase: .checking, bytesDone: reader.offset, bytesTotal: reader.file.size, rows: rows))
            }
        }
    }

    /// Reads rows up to a chunk's limits; returns whether the file has ended.
    private mutating func read(
        _ encoder: inout ImportRowEncoder, _ rejects: inout ImportRejects, rejected: inout Int64
    ) throws(ImportError) -> Bool {
        encoder.reset()
        var steps = 0
        while steps < options.chunkRowsMax, encoder.bytes.count < Self.chunkBytesMax {
            steps += 1
            switch try reader.next(into: &record) {
            case .end: return true
            case .rejected(let rejection):
                rejects.add(rejection)
                rejected += 1
            case .record:
                do throws(ImportRejection) {
                    try encoder.append(record, defaultBot: options.mapping.defaultBot)
                } catch {
                    rejects.add(error)
                    rejected += 1
                }
            }
            rowsRead += 1
        }
        return false
    }

    /// Loads the next rows and records it, in one transaction.
    private mutating func chunk(
        _ connection: inout Connection, from before: ImportProgressRow, _ encoder: inout ImportRowEncoder,
        _ rejects: inout ImportRejects
    ) throws -> ImportProgressRow {
        var after = before
        after.isFinished = try read(&encoder, &rejects, rejected: &after.rejected)
        try rejects.flush()
        after.rejectsBytes = rejects.bytesWritten
        after.byteOffset = reader.offset
        after.line = Int64(reader.line)
        let rows = Int64(encoder.rows)
        try connection.transaction { connection in
            let found = try locked(&connection)
            guard found.byteOffset == before.byteOffset, !found.isFinished else {
                throw ImportError(
                    .busy, "expected to be the only import of this file, got: another that is at line \(found.line)",
                    hint: "let the other one finish; running again then does no harm")
            }
            if rows > 0 {
                let (loaded, erased) = try load(&connection, encoder.bytes)
                after.loaded += loaded
                after.erased += erased
                after.duplicates += rows - loaded - erased
            }
            try connection.run(AdvanceImport(fingerprint: fingerprint, progress: after))
        }
        return after
    }

    private func load(
        _ connection: inout Connection, _ bytes: [UInt8]
    ) throws -> (loaded: Int64, erased: Int64) {
        // Whoever is being erased at this moment is erased before or after this chunk, as a whole.
        try connection.execute(ErasureLock.share)
        try connection.execute(ImportChunkSQL.createTable)
        try connection.copyIn(ImportChunkSQL.copy) { writer in
            // In pieces, so that the chunk is not held once more in the buffers on its way.
            for start in stride(from: 0, to: bytes.count, by: Self.pieceBytes) {
                try writer.write(bytes: Array(bytes[start..<min(start + Self.pieceBytes, bytes.count)]))
            }
        }
        let erased = try connection.query(sql: ImportChunkSQL.dropErased) { row in try row.decode(0, as: Int64.self) }
        let loaded = try connection.query(sql: ImportChunkSQL.insert) { row in try row.decode(0, as: Int64.self) }
        return (loaded[0], erased[0])
    }
}
