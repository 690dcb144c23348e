import Bytes
import Engines
import Learning
import Model
import Postgres
import Store

/// Makes conversation vectors anew that are of another version, or whose history was edited.
///
/// By hand with `{"all": true}` all of them are. It works in steps of a few conversations, each read and written in one
/// transaction that holds off the job `clustering`; a conversation without a message left is forgotten.
package struct ReembedJob: Job {
    package let name = "reembed"
    static let conversationsPerStep: Int64 = 50
    static let pageRowsMax: Int64 = 2_000

    let analyzer: @Sendable () -> TextAnalyzer
    let version: Int32

    /// Makes the job, with what `ClusteringJob` was made with.
    package init(
        vectorVersion: Int32 = ConversationVector.version, analyzer: @escaping @Sendable () -> TextAnalyzer
    ) {
        self.analyzer = analyzer
        version = vectorVersion
    }

    package func reasonToRun(_ settings: JobSettings, _ connection: inout Connection) throws -> String? {
        let isStale = try connection.first(HasStaleVectors(version: version)) ?? false
        return isStale ? "conversation vectors of another version or history" : nil
    }

    package func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        if run.cursor.isNull {
            try run.commit(&connection) { run, connection in
                _ = try connection.run(LockClusteringState())
                if run.arguments["all"]?.bool == true { _ = try connection.run(MarkAllVectors()) }
                run.cursor = Self.cursor(ConversationKey(pair: Pair(userID: "", botName: ""), conversationID: ""))
            }
        }
        while true {
            let count = try run.commit(&connection) { run, connection in try step(&run, &connection) }
            if count == 0 { return }
        }
    }

    /// Makes the next conversations anew; returns how many.
    private func step(_ run: inout JobRun, _ connection: inout Connection) throws -> Int {
        guard let after = Self.key(run.cursor) else { return 0 }
        // First the lock: what is read after it is what is there until the end of the step.
        _ = try connection.run(LockClusteringState())
        let stale = try connection.query(
            LoadStaleConversations(version: version, after: after, conversationsMax: Self.conversationsPerStep))
        guard let last = stale.last else { return 0 }
        var kept: [ConversationRow] = []
        var gone: [ConversationKey] = []
        for row in stale {
            if let row = try rebuilt(row, run, &connection) { kept.append(row) } else { gone.append(row.key) }
        }
        if !kept.isEmpty { _ = try connection.run(SaveConversations(rows: kept)) }
        if !gone.isEmpty { _ = try connection.run(DeleteConversations(keys: gone)) }
        _ = try connection.run(LockClusteringState(changedConversations: Int64(stale.count)))
        run.tally.recordsProcessed += stale.count
        run.tally.successfulUpdates += kept.count
        run.cursor = Self.cursor(last.key)
        return stale.count
    }

    /// A conversation as its messages give it; nil: there are none.
    private func rebuilt(
        _ old: ConversationRow, _ run: JobRun, _ connection: inout Connection
    ) throws -> ConversationRow? {
        let analyzer = analyzer()
        var vector = ConversationVector()
        var messages: Int64 = 0
        var span: (first: Timestamp, last: Timestamp)?
        var after: (at: Timestamp, id: Int64) = (.negativeInfinity, 0)
        while true {
            try run.checkStop()
            let page = try connection.query(
                LoadConversationMessages(conversation: old, after: after, rowsMax: Self.pageRowsMax))
            for message in page {
                messages += 1
                span = (span?.first ?? message.at, message.at)
                after = (message.at, message.position.id)
                guard message.role != .system else { continue }
                vector.add(
                    analyzer.analyze(
                        content: message.content, suppliedEmbedding: message.embedding, readsEmotion: false))
            }
            vector.settleTerms()
            if page.count < Int(Self.pageRowsMax) { break }
        }
        guard let span else { return nil }
        var row = old.with(vector)
        row.version = version
        row.messages = messages
        row.firstAt = span.first
        row.lastAt = span.last
        return row
    }

    private static func cursor(_ key: ConversationKey) -> JSONValue {
        .array([.string(key.pair.botName), .string(key.pair.userID), .string(key.conversationID)])
    }

    private static func key(_ cursor: JSONValue) -> ConversationKey? {
        guard let bot = cursor[0]?.string, let user = cursor[1]?.string, let name = cursor[2]?.string else {
            return nil
        }
        return ConversationKey(pair: Pair(userID: user, botName: bot), conversationID: name)
    }
}
