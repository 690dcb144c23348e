import Bytes
import Engines
import Glibc
import Postgres
import Store

extension Command {
    /// A user's right to be forgotten.
    static let erase = Command(
        name: "erase", summary: "remove everything that is stored of a user",
        details: [
            "Removes the user's history, state, cache rows, profiles, clusters, examples, feedback, experiment data "
                + "and what queues hold, in one transaction, also while workers run. Without --yes it only shows what "
                + "that would be.",
            "A tombstone, which holds a keyed hash and not the id, keeps imports and applications from storing the "
                + "user's past again. New messages are taken unless --forever is given. The receipt is a row of "
                + "afterthought.erasures.",
            "Backups, replicas that lag, the server's log and bots' own memory are not its reach: readers drop the "
                + "row when they hear of it, at the latest after 24 hours.",
        ],
        arguments: [Argument(name: "USER", help: "the user's id")],
        options: [
            Option(name: "bot", value: "BOT", help: "only what the user has with this bot"),
            Option(name: "yes", help: "do it"),
            Option(name: "forever", help: "also refuse whatever comes of this user later"),
            Option.json,
        ],
        examples: ["erase u42", "erase u42 --yes", "erase u42 --yes --forever", "erase u42 --bot elena --yes"],
        body: .blocking { invocation in
            let erasure = Erasure(
                userID: try userArgument(invocation), botName: invocation.value("bot"),
                isForever: invocation.isSet("forever"))
            return try DatabaseChoice.withMigrated(invocation) { connection in
                guard invocation.isSet("yes") else {
                    let counts = try Eraser.preview(&connection, erasure)
                    printPreview(counts, invocation)
                    return .ok
                }
                let eraser = Eraser(engineVersion: PairState.engineVersion) {
                    try PairState(decoding: $0).contributions
                }
                do {
                    printReceipt(try eraser.erase(&connection, erasure), invocation)
                } catch let error as PostgresError where error.isLockTimeout || error.isSerializationFailure {
                    throw CommandFailure(
                        .busy, "expected to get every lock within a minute, got: another transaction that keeps one",
                        hint: "nothing was changed; run it again, and see pg_stat_activity if that does not help")
                }
                return .ok
            }
        })

    /// A user's right to a copy.
    static let export = Command(
        name: "export", summary: "write everything that is stored of a user, as JSON lines",
        details: [
            "One line a row: {\"table\": …, \"row\": {column: value}}, from the tables that erase removes from, in "
                + "one snapshot. Rows are written as they come, so that memory does not grow with the history."
        ],
        arguments: [Argument(name: "USER", help: "the user's id")],
        options: [
            Option(name: "bot", value: "BOT", help: "only what the user has with this bot"),
            Option(name: "output", value: "PATH", help: "a new file, readable by its owner only; else standard output"),
        ],
        examples: ["export u42 > u42.jsonl", "export u42 --output u42.jsonl"],
        body: .blocking { invocation in
            let user = try userArgument(invocation)
            var file = try LineFile(path: invocation.value("output"))
            let counts = try DatabaseChoice.withMigrated(invocation) { connection in
                let counts = try UserExport.write(&connection, user: user, bot: invocation.value("bot")) { line in
                    try file.append(line)
                }
                try file.finish()
                return counts
            }
            let total = counts.reduce(0) { $0 + $1.rows }
            Terminal.note("exported \(grouped(total)) rows of \(counts.count) tables")
            return .ok
        })

    private static func userArgument(_ invocation: Invocation) throws(CommandFailure) -> String {
        let user = invocation.arguments[0]
        guard (1...256).contains(user.utf8.count) else {
            throw CommandFailure(
                .usage, "expected USER to be a text of 1…256 bytes, got: \(user.utf8.count)",
                hint: "ids are those of afterthought.messages")
        }
        return user
    }

    private static func table(_ counts: [(table: String, rows: Int64)]) -> String {
        var table = TextTable([("table", .left), ("rows", .right)])
        for count in counts { table.add(count.table, grouped(count.rows)) }
        return table.text()
    }

    private static func json(_ counts: [(table: String, rows: Int64)]) -> JSONValue {
        .object(counts.map { JSONMember(key: $0.table, value: .number(JSONNumber($0.rows))) })
    }

    private static func printPreview(_ counts: [(table: String, rows: Int64)], _ invocation: Invocation) {
        if invocation.wantsJSON {
            Terminal.print(
                JSONValue.object([
                    JSONMember(key: "erased", value: .bool(false)), JSONMember(key: "rows", value: json(counts)),
                ]).text)
            return
        }
        if counts.isEmpty {
            Terminal.print("nothing is stored of this user; --yes sets the tombstone all the same")
        } else {
            Terminal.print(table(counts) + "\n\nnothing was changed; --yes erases these rows")
        }
    }

    private static func printReceipt(_ receipt: ErasureReceipt, _ invocation: Invocation) {
        if invocation.wantsJSON {
            Terminal.print(
                JSONValue.object([
                    JSONMember(key: "erased", value: .bool(true)),
                    JSONMember(key: "receipt", value: .number(JSONNumber(receipt.id))),
                    JSONMember(key: "erased_at", value: .string("\(receipt.erasedAt)")),
                    JSONMember(key: "user_hash", value: .string(receipt.hash)),
                    JSONMember(key: "rows", value: json(receipt.counts)),
                    JSONMember(key: "prompts_to_review", value: .number(JSONNumber(receipt.promptsToReview))),
                ]).text)
        } else {
            let rows = receipt.counts.reduce(0) { $0 + $1.rows }
            Terminal.print("erased \(grouped(rows)) rows; receipt \(receipt.id), hash \(receipt.hash)")
            if !receipt.counts.isEmpty { Terminal.print(table(receipt.counts)) }
        }
        if receipt.promptsToReview > 0 {
            Terminal.note(
                "\(receipt.promptsToReview) agents run on a prompt that shows an example of this user: change it by "
                    + "hand, with record_agent")
        }
    }
}

/// Where lines go, gathered so that a line is no system call of its own: a new file, or standard output.
struct LineFile: ~Copyable {
    private static let bufferBytes = 64 << 10

    private let descriptor: Int32
    private let ownsDescriptor: Bool
    private var buffer: [UInt8] = []

    /// Makes the file.
    ///
    /// - Parameter path: one that does not exist yet; nil: standard output.
    /// - Throws: `CommandFailure` when it can't be made.
    init(path: String?) throws(CommandFailure) {
        guard let path else {
            descriptor = 1
            ownsDescriptor = false
            return
        }
        // Neither a file that is there nor one behind a link is written over.
        let opened = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard opened >= 0 else {
            throw CommandFailure(
                .data, "expected `\(path)` to be a file that can be made, got: \(systemMessage(errno))",
                hint: "name a file that does not exist yet, in a folder that can be written")
        }
        descriptor = opened
        ownsDescriptor = true
    }

    deinit { if ownsDescriptor { close(descriptor) } }

    mutating func append(_ line: Span<UInt8>) throws(CommandFailure) {
        for index in line.indices { buffer.append(line[index]) }
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    /// Writes what is left, and through to the disk.
    mutating func finish() throws(CommandFailure) {
        try flush()
        if ownsDescriptor, fsync(descriptor) != 0 { throw failure() }
    }

    private mutating func flush() throws(CommandFailure) {
        var done = 0
        while done < buffer.count {
            let left = buffer.count - done
            // The region lies within the array.
            let count = unsafe buffer.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress! + done, left) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure() }
            done += count
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private func failure() -> CommandFailure {
        CommandFailure(
            .data, "expected the output to take every line, got: \(systemMessage(errno))",
            hint: "the export is not whole: free some space, and run it again")
    }
}
