import Bytes
import Engines
import Learning
import Model
import Postgres
import Store

/// Finds what conversations are about: takes new messages in, and clusters conversations.
///
/// New messages are those of the window between two snapshots, as in the worker's cycle: they are added to the vectors
/// of their conversations in pages, and those join the nearest cluster at once. Then clusters are computed anew, and
/// readers see the new set with one commit, under the ids of the clusters that go on. Of more than 2,000 conversations
/// that is done only when enough has changed (`CLUSTERING_FULL_RUN_SHARE`) or the time threshold has passed.
///
/// Limits: the newest `CLUSTERING_CONVERSATIONS_MAX` conversations are clustered; a page holds 2,000 messages.
package struct ClusteringJob: Job {
    package let name = "clustering"
    /// While more than this share of vectors is to be made anew, clusters stay as they are.
    static let staleShareMax = 0.1
    static let membersPerStatement = 5_000

    let analyzer: @Sendable () -> TextAnalyzer
    let namer: (any ClusterNamer)?
    let version: Int32
    /// Up to so many conversations are clustered anew at each run: it takes no second.
    let alwaysFullMax: Int64
    /// Messages that are taken in with one commit.
    let pageRowsMax: Int64

    /// Makes the job.
    ///
    /// - Parameters:
    ///   - vectorVersion: grows when the analyzer's embeddings change; stored beside each vector.
    ///   - alwaysFullMax: up to so many conversations clusters are computed anew at each run.
    ///   - pageRowsMax: messages that are taken in with one commit, at least 1.
    ///   - namer: what may name clusters; nil: their keywords do.
    ///   - analyzer: gives an analyzer of 256 dimensions, when one is needed.
    package init(
        vectorVersion: Int32 = ConversationVector.version, alwaysFullMax: Int64 = 2_000,
        pageRowsMax: Int64 = 2_000, namer: (any ClusterNamer)? = nil, analyzer: @escaping @Sendable () -> TextAnalyzer
    ) {
        self.analyzer = analyzer
        self.namer = namer
        self.alwaysFullMax = alwaysFullMax
        self.pageRowsMax = pageRowsMax
        version = vectorVersion
    }

    package func reasonToRun(_ settings: JobSettings, _ connection: inout Connection) throws -> String? {
        try connection.first(ClusteringTrigger()) ?? nil
    }

    package func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        // How it ends, if not well, `end_job_attempt` notes in the run's row; the clusters stay as they were.
        let status = try run.commit(&connection) { run, connection in
            try connection.first(BeginClusteringRun(run: run.claim.id, attempt: run.claim.attempt))
        }
        // An attempt that was cut off after publishing has nothing left to do.
        guard status == "running" else { return }
        if run.cursor != .string("clustering") { try takeMessagesIn(&run, &connection) }
        try cluster(&run, &connection)
    }

    // Taking messages in ----------------------------------------------------------------------------------------------

    private func takeMessagesIn(_ run: inout JobRun, _ connection: inout Connection) throws {
        _ = try run.commit(&connection) { _, connection in try connection.run(OpenClusteringWindow()) }
        let clusters = CurrentClusters(try connection.query(LoadCurrentClusters()), version: version)
        let analyzer = analyzer()
        precondition(
            analyzer.dimensions == UnitVectors.width, "expected 256 dimensions, got: \(analyzer.dimensions)")
        var ahead: WindowPage?
        while let state = try connection.first(LoadClusteringState()), let window = state.window {
            try run.checkStop()
            // Somebody may have changed vectors since the page was read: then it is read again.
            let known = ahead.flatMap { $0.follows(state) ? $0 : nil }
            var page = try known ?? WindowPage(state, window, from: state.position, rowsMax: pageRowsMax, &connection)
            page.analyze(with: analyzer)
            ahead = nil
            if !page.isLast {
                ahead = try WindowPage(state, window, from: page.end, rowsMax: pageRowsMax, &connection)
            }
            try store(page, &ahead, analyzer, clusters, &run, &connection, state)
        }
    }

    /// Adds a page to its conversations and commits; the page ahead is analysed while the server works.
    private func store(
        _ page: WindowPage, _ ahead: inout WindowPage?, _ analyzer: TextAnalyzer, _ clusters: CurrentClusters,
        _ run: inout JobRun, _ connection: inout Connection, _ state: ClusteringState
    ) throws {
        let changed = try fold(page, &connection).changed
        let joined = clusters.members(of: changed)
        let advance = AdvanceClustering(
            generation: state.generation, position: page.end, isWindowDone: page.isLast,
            changedConversations: Int64(changed.count))
        try run.commit(&connection) { run, connection in
            // Somebody changed vectors after they were read: the page is done again.
            guard try connection.run(advance) == 1 else { return }
            run.tally.recordsProcessed += page.messages.count
            if page.isLast { run.cursor = .string("clustering") }
            let share = page.isLast ? 0.5 : 0.5 * Double(page.end.shard) / 64
            try connection.pipeline { pipeline in
                if !changed.isEmpty { try pipeline.run(SaveConversations(rows: changed.map(\.row))) }
                if let current = state.currentRun, !joined.isEmpty {
                    try pipeline.run(SaveClusterMembers(run: current, members: joined[...], areAssigned: true))
                }
                try pipeline.run(
                    NoteClusteringProgress(
                        run: run.claim.id, progress: share, messages: Int64(page.messages.count),
                        assigned: Int64(joined.count)))
                pipeline.flush()
                ahead?.analyze(with: analyzer)
            }
        }
    }

    /// The conversations of some messages with the messages added.
    private func fold(_ page: WindowPage, _ connection: inout Connection) throws -> ConversationFold {
        var fold = ConversationFold(version: version)
        var keys: Set<ConversationKey> = []
        var spans: [Pair: LoadSessions.Span] = [:]
        let gap = Limits.sessionGapSeconds
        for message in page.messages {
            if let name = message.conversationID {
                keys.insert(ConversationKey(pair: message.pair, conversationID: name))
            } else {
                keys.insert(ConversationFold.sessionKey(message))
                let from = message.at.advanced(bySeconds: -gap)
                let through = message.at.advanced(bySeconds: gap)
                var span = spans[message.pair] ?? LoadSessions.Span(pair: message.pair, from: from, through: through)
                span.from = min(span.from, from)
                span.through = max(span.through, through)
                spans[message.pair] = span
            }
        }
        if !keys.isEmpty { fold.load(try connection.query(LoadConversations(keys: keys.sorted()))) }
        if !spans.isEmpty {
            let ordered = spans.values.sorted { $0.pair < $1.pair }
            fold.load(try connection.query(LoadSessions(spans: ordered)))
        }
        fold.add(page.messages, page.analyses)
        return fold
    }
}

/// The clusters that new conversations join until the next full run.
struct CurrentClusters {
    private var spaces: [Int16: (ids: [Int64], assignment: ClusterAssignment)] = [:]

    init(_ clusters: [StoredCluster], version: Int32) {
        let usable = clusters.filter { $0.version == version }
        for (space, members) in Dictionary(grouping: usable, by: \.space) {
            let centroids = UnitVectors(cells: members.flatMap { $0.centroid.numbers })
            spaces[space] = (members.map(\.id), ClusterAssignment(centroids: centroids))
        }
    }

    /// The nearest cluster of each conversation that says anything.
    func members(of changed: [(row: ConversationRow, vector: ConversationVector, isStale: Bool)]) -> [ClusterMember] {
        changed.compactMap { row, vector, isStale in
            guard !isStale, vector.weight > 0, let space = spaces[row.space] else { return nil }
            var single = UnitVectors()
            guard single.append(directionOf: vector.sum) else { return nil }
            let nearest = space.assignment.nearest(to: 0, of: single)
            return ClusterMember(
                key: row.key, cluster: space.ids[nearest.cluster], similarity: Float(nearest.cosine))
        }
    }
}

extension [UInt8] {
    /// Numbers of two bytes each, little endian.
    var numbers: [Int16] {
        stride(from: 0, to: count - 1, by: 2).map {
            Int16(bitPattern: UInt16(self[$0]) | UInt16(self[$0 + 1]) << 8)
        }
    }

    /// The bytes of numbers, little endian.
    init(_ numbers: some Sequence<Int16>) {
        self = numbers.flatMap { number in
            let bits = UInt16(bitPattern: number)
            return [UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8)]
        }
    }
}
