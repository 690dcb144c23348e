/// What happened, in the words of the metrics: whoever knows the worker and the jobs calls these.
extension WorkerMetrics {
    /// A committed batch.
    ///
    /// - Parameters:
    ///   - counts: of this batch alone.
    ///   - phases: seconds, in the order of `WorkerMetrics.phases`.
    ///   - parts: seconds by name, of those that were timed.
    package func noteBatch(
        _ counts: (messages: Int, rows: Int, pairs: Int, rebuilt: Int, rowsReread: Int), phases: [Double],
        parts: [(name: String, seconds: Double)]
    ) {
        messages.add(Double(counts.messages))
        rows.add(Double(counts.rows))
        pairs.add(Double(counts.pairs))
        rebuilt.add(Double(counts.rebuilt))
        rowsReread.add(Double(counts.rowsReread))
        for (phase, seconds) in zip(Self.phases, phases) { batchDuration.observe(seconds, phase) }
        for part in parts { engineDuration.observe(part.seconds, part.name) }
    }

    /// A cycle that ended well.
    package func noteCycle(seconds: Double, shardsHeld held: Int) {
        cycleDuration.observe(seconds)
        lastCycleAt.set(ProcessFigures.wallClock())
        shardsHeld.set(Double(held))
    }

    /// A look of the auditor at some pairs.
    package func noteAudit(pairs: Int, mismatches: Int) {
        auditedPairs.add(Double(pairs))
        auditMismatches.add(Double(mismatches))
    }
}
