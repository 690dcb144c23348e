import Bytes
import Engines
import Model
import Postgres
import Store

extension Worker {
    /// One cycle: what is new everywhere, then as much of open backlogs as fits into a cycle, then old versions and
    /// bots.
    package func cycle() async throws -> CycleReport {
        try await ensureOwnership()
        guard let source else { return CycleReport() }
        var report = CycleReport()
        var hasBotChanges = false
        for found in try await scan(watermarkGroups(), source: source) {
            report.add(try await apply(found, source: source))
            hasBotChanges = hasBotChanges || found.scan.hasBotChanges
            if stopping.isSet { return report }
        }
        let drained = try await drainBacklogs(source: source)
        report.add(drained)
        report.add(try await rebuildOutdated(source: source))
        // A batch may have changed bots after the probe; without one there is nothing but what the probe saw.
        let isDue = ContinuousClock.now >= nextMerge
        if isDue, hasBotChanges || report.batches > 0 { report.bots += try await mergeBots() }
        // A window that was worked off says nothing of what came after its snapshot.
        report.hasMore = drained.batches > 0 || progress.values.contains { $0.window != nil || $0.rebuildPending }
        return report
    }

    /// Shards without an open window, grouped by watermark: each group is scanned together.
    private func watermarkGroups() -> [[ShardProgress]] {
        Dictionary(grouping: progress.values.filter { $0.window == nil }, by: \.lastSnapshot).values
            .map { $0.sorted { $0.shard < $1.shard } }
            .sorted { $0[0].shard < $1[0].shard }
    }

    private struct Found: Sendable {
        var group: [ShardProgress]
        var scan: ScanResult
        var quarantine: [QuarantinedPair]
        var refreshes: [PairInShard]
    }

    private func scan(_ groups: [[ShardProgress]], source: SnapshotDiff) async throws -> [Found] {
        if groups.isEmpty { return [] }
        let store = BatchStore(identity: identity)
        let rowsMax = configuration.batchRowsMax
        return try await scanner.withConnection { connection in
            let wanted = groups.map { ScanGroup(shards: $0.map(\.shard), last: $0[0].lastSnapshot) }
            let scans = try source.scan(&connection, groups: wanted, rowsMax: rowsMax)
            var found: [Found] = []
            for (group, scan) in zip(groups, scans) {
                let shards = group.map(\.shard)
                let quarantine = scan.hasQuarantine ? try store.quarantine(&connection, of: shards) : []
                let refreshes = scan.hasRefreshes ? try store.refreshes(&connection, of: shards) : []
                found.append(Found(group: group, scan: scan, quarantine: quarantine, refreshes: refreshes))
            }
            return found
        }
    }

    private func apply(_ found: Found, source: SnapshotDiff) async throws -> CycleReport {
        let window = found.scan.window
        if found.scan.isBacklog {
            for shard in found.group { progress[shard.shard]?.window = window }
            log(.backlog(shards: found.group.count))
            return CycleReport()
        }
        var batch = Batch(
            shards: found.group, window: window.snapshot, move: .finish(window), rows: found.scan.rows)
        batch.isolate(found.quarantine)
        batch.answered = found.refreshes
        // A reader waits for it: a pair of an older version goes first.
        let pending = Set(found.group.filter(\.rebuildPending).map(\.shard))
        batch.forced.formUnion(found.refreshes.filter { pending.contains($0.shard) })
        return try await process(batch.split(into: lanes.count), source: source)
    }

    /// Works the batches off on the lanes, each lane taking the next one when it is free.
    func process(_ batches: [Batch], source: SnapshotDiff) async throws -> CycleReport {
        try await onLanes(batches) { processor, connection, batch in
            try processor.process(&connection, batch)
        } finish: { worker, batch, report in
            for shard in batch.shards { worker.progress[shard.shard] = batch.move.applied(to: shard) }
            return report
        }
    }

    /// Takes open windows on by pages, for about the length of a cycle, so that other shards do not wait.
    private func drainBacklogs(source: SnapshotDiff) async throws -> CycleReport {
        let end = ContinuousClock.now + .seconds(max(1, cycleSeconds))
        var total = CycleReport()
        while ContinuousClock.now < end, !stopping.isSet {
            let open = progress.values.filter { $0.window != nil }.sorted { $0.shard < $1.shard }
            if open.isEmpty { break }
            total.add(try await drainOnce(open, until: end, source: source))
        }
        return total
    }

    private func drainOnce(
        _ shards: [ShardProgress], until end: ContinuousClock.Instant, source: SnapshotDiff
    ) async throws -> CycleReport {
        let rowsMax = configuration.batchRowsMax
        return try await onLanes(shards, until: end) { processor, connection, shard in
            try processor.processPage(&connection, of: shard, rowsMax: rowsMax)
        } finish: { worker, shard, page in
            worker.progress[shard.shard] = page.progress
            return page.report
        }
    }

    /// Rebuilds some pairs of an older version or configuration, newest activity first.
    private func rebuildOutdated(source: SnapshotDiff) async throws -> CycleReport {
        let pending = progress.values.filter { $0.rebuildPending && $0.window == nil }.sorted { $0.shard < $1.shard }
        guard !pending.isEmpty else { return CycleReport() }
        let end = ContinuousClock.now + .seconds(max(1, cycleSeconds))
        let pairsMax = configuration.rebuildPairsMax
        return try await onLanes(pending, until: end) { processor, connection, shard in
            try processor.rebuildOutdated(&connection, of: shard, pairsMax: pairsMax)
        } finish: { worker, shard, done in
            worker.progress[shard.shard] = done.progress
            return done.report
        }
    }

    /// Runs work items on the lanes side by side; the first error is thrown after all lanes came to rest.
    private func onLanes<Item: Sendable, Done: Sendable>(
        _ items: [Item], until end: ContinuousClock.Instant? = nil,
        _ work: @escaping @Sendable (BatchProcessor, inout Connection, Item) throws -> Done,
        finish: (isolated Worker, Item, Done) -> BatchReport
    ) async throws -> CycleReport {
        guard let source else { return CycleReport() }
        let processor = BatchProcessor(
            source: source, store: BatchStore(identity: identity),
            fold: PairFold(analyzer: analyzer, identity: identity),
            notice: CacheNotice(notificationKey: notificationKey), failpoints: failpoints,
            historyRowsMax: configuration.historyRowsMax, riskyOneAtATime: riskyOneAtATime,
            isStopping: { [stopping] in stopping.isSet })
        var report = CycleReport()
        var failure: (any Error)?
        var next = 0
        await withTaskGroup(of: (lane: Int, item: Int, result: Result<Done, any Error>).self) { group in
            func start(_ lane: DatabaseThread, _ index: Int) {
                let item = items[next]
                let position = next
                next += 1
                group.addTask {
                    do {
                        let done = try await lane.withConnection { try work(processor, &$0, item) }
                        return (index, position, .success(done))
                    } catch { return (index, position, .failure(error)) }
                }
            }
            for (index, lane) in lanes.enumerated() where next < items.count { start(lane, index) }
            for await (lane, item, result) in group {
                switch result {
                case .success(let done):
                    let batch = finish(self, items[item], done)
                    if batch.failed > 0 { log(.quarantined(pairs: batch.failed, reasons: batch.reasons)) }
                    if batch.rows > 0 || batch.rebuilt > 0 { log(.batch(batch)) }
                    report.add(batch)
                case .failure(let error):
                    mustReload = true
                    failure = failure ?? error
                }
                let isInTime = end.map { ContinuousClock.now < $0 } ?? true
                if failure == nil, next < items.count, isInTime, !stopping.isSet { start(lanes[lane], lane) }
            }
        }
        if let failure { throw failure }
        return report
    }

    /// Merges the bots that changed, in the shards that the bots themselves belong to: each once, because other workers
    /// may change them faster than they can be merged.
    func mergeBots() async throws -> Int {
        nextMerge = ContinuousClock.now + .seconds(configuration.mergeSeconds)
        let store = CharacterStore(identity: identity)
        let held = progress
        return try await scanner.withConnection { [stopping] connection in
            var merged = 0
            var last: String?
            while true {
                let changed = try store.changed(&connection, in: held.keys.sorted(), after: last, botsMax: 50)
                if changed.isEmpty || stopping.isSet { return merged }
                last = changed.last?.botName
                let names = changed.map(\.botName)
                let (verifiedAt, sums) = try store.buckets(&connection, of: names)
                var rows: [CharacterRow] = []
                var gone: [String] = []
                for name in names {
                    guard let buckets = sums[Pair(userID: "", botName: name)] else {
                        gone.append(name)
                        continue
                    }
                    var hours = buckets.buckets
                    let longRun = hours.removeValue(forKey: BotContributions.longRun) ?? BucketSums()
                    rows.append(CharacterPerformance.evaluate(botName: name, buckets: hours, longRun: longRun))
                }
                try store.save(
                    &connection, rows: rows, gone: gone, changes: changed.flatMap(\.changes),
                    shards: held.values.sorted { $0.shard < $1.shard }, verifiedAt: verifiedAt)
                merged += changed.count
            }
        }
    }
}
