import Bytes
import Engines
import Learning
import Model
import Postgres
import Store

/// Makes conversation vectors anew that are of another version, or whose history was edited.
///
/// By hand with `{"all": true}` all of them are. It works in steps of the pairs of a few conversations, each read whole
/// and written in one transaction that holds off the job `clustering`: an edit may have moved messages from one
/// conversation to another. A conversation without a message left is forgotten. At the end a run of the clustering is
/// asked for.
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

    /// Makes the next pairs' conversations anew; returns how many were to be made anew.
    private func step(_ run: inout JobRun, _ connection: inout Connection) throws -> Int {
        guard let after = Self.key(run.cursor) else { return 0 }
        // First the lock: what is read after it is what is there until the end of the step.
        _ = try connection.run(LockClusteringState())
        let stale = try connection.query(
            LoadStaleConversations(version: version, after: after, conversationsMax: Self.conversationsPerStep))
        guard let last = stale.last else {
            if run.tally.recordsProcessed > 0, run.settings.boolean("BACKGROUND_CLUSTERING_ENABLED") {
                _ = try connection.first(
                    EnqueueJob(job: "clustering", reason: "conversation vectors were made anew"))
            }
            return 0
        }
        var pairs: [Pair] = []
        for row in stale where pairs.last != row.key.pair { pairs.append(row.key.pair) }
        var kept: [ConversationRow] = []
        for pair in pairs { kept += try rebuilt(pair, run, &connection) }
        _ = try connection.run(ForgetConversations(pairs: pairs, kept: kept.map(\.key)))
        if !kept.isEmpty { _ = try connection.run(SaveConversations(rows: kept)) }
        _ = try connection.run(LockClusteringState(changedConversations: Int64(stale.count)))
        run.tally.recordsProcessed += stale.count
        run.tally.successfulUpdates += kept.count
        run.cursor = Self.cursor(last.key)
        return stale.count
    }

    /// A pair's conversations as its messages give them.
    private func rebuilt(
        _ pair: Pair, _ run: JobRun, _ connection: inout Connection
    ) throws -> [ConversationRow] {
        let analyzer = analyzer()
        var fold = ConversationFold(version: version)
        var after: (at: Timestamp, id: Int64) = (.negativeInfinity, 0)
        while true {
            try run.checkStop()
            let page = try connection.query(LoadPairMessages(pair: pair, after: after, rowsMax: Self.pageRowsMax))
            fold.add(page, page.map { $0.analysis(by: analyzer) })
            if page.count < Int(Self.pageRowsMax) { return fold.changed.map(\.row) }
            if let last = page.last { after = (last.at, last.position.id) }
        }
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
