import CLibPQ

extension Connection {
    /// Runs `copy … from stdin` with the rows a closure writes.
    ///
    ///     try connection.copyIn("copy t (id, name) from stdin (format binary)") { writer in
    ///         for item in items { try writer.row(item.id, item.name) }
    ///     }
    ///
    /// - Parameters:
    ///   - sql: the command; `(format binary)` for `row`, text or CSV for `write`.
    ///   - deadline: when to give up.
    ///   - body: writes the rows; an error it throws aborts the command.
    /// - Returns: how many rows were copied.
    /// - Throws: the server's error, or what the closure threw.
    @discardableResult
    package mutating func copyIn(
        _ sql: String, deadline: Deadline = .never, _ body: (inout CopyWriter) throws -> Void
    ) throws -> Int {
        let isBinary = try startCopy(sql, PGRES_COPY_IN, deadline)
        do {
            try unsafe withUnsafeMutablePointer(to: &self) { connection in
                var writer = unsafe CopyWriter(connection, isBinary: isBinary, deadline)
                try body(&writer)
                try writer.finish()
            }
        } catch {
            abortCopyIn()
            throw error
        }
        try sent(unsafe PQputCopyEnd(handle, nil))
        return try lastResult(deadline).affectedRows
    }

    /// Runs `copy … to stdout` and lends each row's bytes to a closure.
    ///
    /// - Parameters:
    ///   - sql: the command.
    ///   - deadline: when to give up.
    ///   - body: gets a line with its newline, or a tuple in binary form; an error it throws cancels the command.
    /// - Returns: how many rows were copied.
    /// - Throws: the server's error, or what the closure threw.
    @discardableResult
    package mutating func copyOut(
        _ sql: String, deadline: Deadline = .never, _ body: (Span<UInt8>) throws -> Void
    ) throws -> Int {
        _ = try startCopy(sql, PGRES_COPY_OUT, deadline)
        while true {
            var buffer: UnsafeMutablePointer<CChar>?
            let count = unsafe PQgetCopyData(handle, &buffer, 1)
            if count == 0 {
                try waitForCopyData(deadline)
            } else if count > 0, let buffer = unsafe buffer {
                defer { unsafe PQfreemem(buffer) }
                let bytes = unsafe UnsafeRawPointer(buffer).assumingMemoryBound(to: UInt8.self)
                do { try unsafe body(Span(_unsafeStart: bytes, count: Int(count))) } catch {
                    abandon()
                    throw error
                }
            } else if count == -1 {
                return try lastResult(deadline).affectedRows
            } else {
                throw failure()
            }
        }
    }

    /// Sends a COPY command and waits for its start.
    ///
    /// - Returns: whether it is in binary form.
    private mutating func startCopy(
        _ sql: String, _ expected: ExecStatusType, _ deadline: Deadline
    ) throws(PostgresError) -> Bool {
        try begin(deadline)
        try sent(unsafe PQsendQuery(handle, sql))
        guard let result = try nextResult(deadline) else { throw failure() }
        if result.status == expected { return unsafe PQbinaryTuples(result.pointer) == 1 }
        let isError = result.status == PGRES_FATAL_ERROR
        let error = isError ? serverError(result) : PostgresError(.misuse, "expected a COPY command, got: another")
        if health != .broken, result.status == PGRES_COPY_IN || result.status == PGRES_COPY_OUT {
            abandon()
        } else if health != .broken {
            health = .outstanding
            _ = drain(.after(milliseconds: Connection.cancelPatienceMilliseconds), cancelling: false)
        }
        throw error
    }

    private mutating func waitForCopyData(_ deadline: Deadline) throws(PostgresError) {
        switch waitForSocket(writing: false, deadline) {
        case .ready:
            if unsafe PQconsumeInput(handle) == 0 { throw failure() }
        case .interrupted:
            interruption?.acknowledge()
            guard let interruption, interruption.isRequested else { return }
            abandon()
            throw PostgresError(.cancelled, "cancelled while copying")
        case .expired:
            abandon()
            throw PostgresError(.timeout, "the deadline passed while copying")
        }
    }

    private mutating func abortCopyIn() {
        if health == .broken { return }
        health = .outstanding
        guard unsafe PQputCopyEnd(handle, "the sender gave up") == 1 else {
            health = .broken
            return
        }
        if !drain(.after(milliseconds: Connection.cancelPatienceMilliseconds), cancelling: false) { health = .broken }
    }
}

/// Writes the rows of a `copy … from stdin`; lives only inside the closure of `Connection.copyIn`.
///
/// Source: PostgreSQL manual, "COPY", "Binary Format".
@safe
package struct CopyWriter: ~Copyable {
    /// How many bytes are gathered before they are given to libpq.
    static let bufferBytesMax = 64 * 1024

    // Valid because `Connection.copyIn` lends this value to a closure and ends it before it returns.
    private let connection: UnsafeMutablePointer<Connection>
    private let isBinary: Bool
    private let deadline: Deadline
    private var buffer = WireBuffer(capacity: CopyWriter.bufferBytesMax + 4096)

    init(_ connection: UnsafeMutablePointer<Connection>, isBinary: Bool, _ deadline: Deadline) {
        unsafe self.connection = unsafe connection
        self.isBinary = isBinary
        self.deadline = deadline
        if isBinary {
            buffer.append(bytes: Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00])
            buffer.append(Int32(0))
            buffer.append(Int32(0))
        }
    }

    /// Writes a row in binary form; the types must be the columns' own, the server converts nothing.
    package mutating func row<each Value: PostgresEncodable>(
        _ value: repeat each Value
    ) throws(PostgresError) {
        if !isBinary { throw PostgresError(.misuse, "expected a COPY with (format binary), got: another format") }
        var columns: Int16 = 0
        for _ in repeat (each value) { columns += 1 }
        buffer.append(columns)
        repeat (each value).encodeField(into: &buffer)
        try flushIfFull()
    }

    /// Writes text: lines of text or CSV format, whole or in parts.
    package mutating func write(_ text: String) throws(PostgresError) {
        if isBinary { throw PostgresError(.misuse, "expected a COPY in text or CSV format, got: binary") }
        buffer.append(text: text)
        try flushIfFull()
    }

    /// Writes bytes of any format as they are.
    package mutating func write(bytes: [UInt8]) throws(PostgresError) {
        buffer.append(bytes: bytes)
        try flushIfFull()
    }

    mutating func finish() throws(PostgresError) {
        if isBinary { buffer.append(Int16(-1)) }
        try flush()
    }

    private mutating func flushIfFull() throws(PostgresError) {
        if let fault = buffer.fault { throw PostgresError(.misuse, fault) }
        if buffer.count >= CopyWriter.bufferBytesMax { try flush() }
    }

    private mutating func flush() throws(PostgresError) {
        if let fault = buffer.fault { throw PostgresError(.misuse, fault) }
        let handle = unsafe connection.pointee.handle
        let count = Int32(truncatingIfNeeded: buffer.count)
        let result = unsafe buffer.withStart { unsafe PQputCopyData(handle, $0, count) }
        try unsafe connection.pointee.sent(result)
        buffer.removeAll()
        try unsafe connection.pointee.flushOutput(deadline)
    }
}

extension Connection {
    /// Waits until all output is with the system: libpq would gather it in memory without limit.
    mutating func flushOutput(_ deadline: Deadline) throws(PostgresError) {
        while true {
            let unsent = unsafe PQflush(handle)
            if unsent == 0 { return }
            if unsent < 0 { throw failure() }
            switch waitForSocket(writing: true, deadline) {
            case .ready:
                if unsafe PQconsumeInput(handle) == 0 { throw failure() }
            case .interrupted:
                interruption?.acknowledge()
                if interruption?.isRequested == true { throw PostgresError(.cancelled, "cancelled while copying") }
            case .expired:
                throw PostgresError(.timeout, "the deadline passed while copying")
            }
        }
    }
}
