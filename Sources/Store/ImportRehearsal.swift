import Bytes

/// Reads a file as an import does, but without a database: what would be loaded, and what refused.
///
/// It is not a part of imports: fuzzers and tests see by it what the reader makes of bytes.
package struct ImportRehearsal: Equatable, Sendable {
    /// The rows in PostgreSQL's binary COPY format, without its header and trailer.
    package private(set) var copyBytes: [UInt8] = []
    package private(set) var rows = 0
    package private(set) var rejections: [ImportRejection] = []
    /// Where the file can't be read any further, and why; nil: it was read to its end.
    package private(set) var failure: ImportError?
    /// Where each record and each rejected row ended: byte offset and the line that follows.
    package private(set) var ends: [End] = []

    /// A place from which an import may go on.
    package struct End: Equatable, Sendable {
        package var offset: Int64
        package var line: Int
    }

    /// Reads bytes to their end.
    ///
    /// - Parameters:
    ///   - bytes: a whole file.
    ///   - format: how it is written.
    ///   - recordBytesMax: bytes a record may have.
    ///   - readBytes: bytes read at once.
    ///   - start: where an earlier reading of the same bytes stopped; nil: the start.
    package init(
        _ bytes: [UInt8], format: ImportFormat, recordBytesMax: Int = 4 << 20, readBytes: Int = 1 << 20,
        from start: End? = nil
    ) {
        // Any day after all data: the clock must not decide what a rehearsal says.
        var encoder = ImportRowEncoder(latest: Timestamp(microseconds: 4_102_444_800_000_000))
        do throws(ImportError) {
            var reader = try ImportReader(
                file: try ImportFile(.memory(name: "rehearsal", bytes: bytes)), format: format,
                mapping: ImportMapping(defaultBot: "bot"), recordBytesMax: recordBytesMax, readBytes: readBytes)
            if let start { try reader.seek(offset: start.offset, line: start.line) }
            var record = ImportRecord()
            reading: while true {
                switch try reader.next(into: &record) {
                case .end: break reading
                case .rejected(let rejection): rejections.append(rejection)
                case .record:
                    do throws(ImportRejection) {
                        try encoder.append(record, defaultBot: "bot")
                    } catch {
                        rejections.append(error)
                    }
                }
                ends.append(End(offset: reader.offset, line: reader.line))
            }
        } catch {
            failure = error
        }
        rows = encoder.rows
        copyBytes = encoder.bytes
    }
}
