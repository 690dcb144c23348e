import Bytes
import Learning
import Model
import Postgres
import Store

extension ClusteringJob {
    /// Computes the clusters anew if that is due, and lets readers see them.
    func cluster(_ run: inout JobRun, _ connection: inout Connection) throws {
        guard let state = try connection.first(LoadClusteringState()) else {
            throw JobFailure("expected the row of clustering_state, got: none")
        }
        let most = Int64(run.settings.integer("CLUSTERING_CONVERSATIONS_MAX"))
        let supply = try connection.first(CountConversations(version: version, conversationsMax: most)) ?? (0, 0)
        if supply.usable < 2 {
            let reason = supply.stale > 0 ? "conversation vectors are being made anew" : "fewer than 2 conversations"
            return try finish(&run, &connection, supply.usable, skipped: reason)
        }
        guard isFullRunDue(run, state, supply) else {
            return try finish(&run, &connection, supply.usable, skipped: nil)
        }
        let found = try ConversationClusters(
            try load(run, &connection, most), version: version, checkpoint: { [run] in try run.checkStop() })
        try run.commit(&connection) { run, connection in
            _ = try connection.run(NoteClusteringProgress(run: run.claim.id, progress: 0.9))
        }
        try publish(&run, &connection, found)
    }

    private func isFullRunDue(
        _ run: JobRun, _ state: ClusteringState, _ supply: (usable: Int64, stale: Int64)
    ) -> Bool {
        guard let fullRunAt = state.fullRunAt, state.currentRun != nil else { return true }
        if run.arguments["force"]?.bool == true { return true }
        if Double(supply.stale) > Self.staleShareMax * Double(supply.usable + supply.stale) { return false }
        if supply.usable <= alwaysFullMax { return true }
        if state.changedConversations == 0 { return false }
        let share = run.settings.number("CLUSTERING_FULL_RUN_SHARE")
        if Double(state.changedConversations) >= share * Double(supply.usable) { return true }
        let minutes = run.settings.number("CLUSTERING_TIME_THRESHOLD_MINUTES")
        return run.dueAt.seconds(since: fullRunAt) >= minutes * 60
    }

    private func load(
        _ run: JobRun, _ connection: inout Connection, _ most: Int64
    ) throws -> ConversationClusters.Input {
        var input = ConversationClusters.Input()
        try connection.stream(LoadNewestConversations(version: version, conversationsMax: most)) { row in
            let row = try LoadNewestConversations.decode(row)
            input.add(row)
            if input.keys.count % 256 == 0 { try run.checkStop() }
        }
        return input
    }

    private func publish(
        _ run: inout JobRun, _ connection: inout Connection, _ found: ConversationClusters
    ) throws {
        let old = try connection.query(LoadCurrentClusters())
        var previous: [ConversationKey: Int64] = [:]
        try connection.stream(LoadCurrentMembers()) { row in
            let member = try LoadCurrentMembers.decode(row)
            previous[member.key] = member.cluster
        }
        guard let state = try connection.first(LoadClusteringState()) else { return }
        let matching = ClusterMatching(
            old: old.map { ($0.id, Int($0.size)) }, previous: found.keys.map { previous[$0] },
            assignments: found.assignments, count: found.clusters.count, nextID: state.nextClusterID)
        let since = Dictionary(uniqueKeysWithValues: old.map { ($0.id, $0.sinceRun) })
        var labels = ClusterLabels(
            keywords: found.clusters.map(\.keywords),
            previous: Dictionary(uniqueKeysWithValues: old.map { ($0.id, $0.label) }), ids: matching.ids)
        if let namer {
            // Before the transaction: an answer takes seconds.
            let most = run.settings.integer("CLUSTERING_LANGUAGE_MODEL_LABELS")
            try labels.ask(namer, clustersMax: most) { [run] in try run.checkStop() }
        }
        try run.commit(&connection) { run, connection in
            let id = run.claim.id
            _ = try connection.run(LockClusteringState())
            _ = try connection.run(
                SaveClusters(
                    run: id,
                    clusters: found.rows(matching.ids, labels.labels, run: id, since: since, version: version)))
            let members = found.members(matching.ids)
            for start in stride(from: 0, to: members.count, by: Self.membersPerStatement) {
                let part = members[start..<min(members.count, start + Self.membersPerStatement)]
                _ = try connection.run(SaveClusterMembers(run: id, members: part, areAssigned: false))
            }
            _ = try connection.run(SaveClusterChanges(run: id, changes: matching.changes.map { $0.row }))
            _ = try connection.run(PublishClusters(run: id, nextClusterID: matching.nextID))
            _ = try connection.run(
                FinishClusteringRun(
                    run: id, status: "completed", kind: "full", conversations: Int32(members.count),
                    clusters: Int32(found.clusters.count), silhouette: found.silhouette))
            run.tally.successfulUpdates = members.count
            run.tally.metadata = [
                .text("kind", "full"), .count("clusters", found.clusters.count),
                .count("changes", matching.changes.count),
            ]
            if let refusal = labels.refusal { run.tally.set(.text("labels", refusal)) }
        }
    }

    /// Ends a run that computed no clusters.
    private func finish(
        _ run: inout JobRun, _ connection: inout Connection, _ conversations: Int64, skipped: String?
    ) throws {
        try run.commit(&connection) { run, connection in
            _ = try connection.run(
                FinishClusteringRun(
                    run: run.claim.id, status: skipped == nil ? "completed" : "skipped",
                    kind: skipped == nil ? "assignment" : nil, conversations: Int32(conversations), message: skipped))
            if let skipped {
                run.skip(skipped)
            } else {
                run.tally.metadata = [.text("kind", "assignment")]
            }
        }
    }
}

extension ClusterChange {
    fileprivate var row: SaveClusterChanges.Change {
        SaveClusterChanges.Change(
            kind: kind.rawValue, cluster: cluster, other: other, conversations: Int32(conversations))
    }
}
