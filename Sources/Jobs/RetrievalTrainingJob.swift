import Bytes
import Engines
import Learning
import Postgres
import Store

/// `rag_training`: trains an adapter of query embeddings on new pairs, and promotes it if held-out queries find more.
///
/// Two steps: the first records the training and marks its pairs, the second records what it came to, with the adapter
/// if there is one. Between them lies work without a transaction, the same whichever attempt does it. A training that
/// no attempt finished is recorded as failed by the next one, which has its pairs again.
package struct RetrievalTrainingJob: Job {
    package let name = "rag_training"

    /// Pairs that are read at a time.
    private static let pageRows = 500

    private let analyzer: @Sendable (Int) -> TextAnalyzer

    /// Makes the job.
    ///
    /// - Parameter analyzer: gives embeddings of 64, 128 or 256 numbers for pairs that came without; made for a run and
    ///   dropped after it.
    package init(analyzer: @escaping @Sendable (Int) -> TextAnalyzer) { self.analyzer = analyzer }

    package func run(_ run: inout JobRun, _ connection: inout Connection) throws {
        if run.isDone { return }
        if run.cursor.int64 == nil { try begin(&run, &connection) }
        guard let training = run.cursor.int64 else { return }
        guard try connection.first(RetrievalTrainingStatus(run: training)) == "running" else {
            // An attempt long after this one's moment: a later run gave this one up and has its pairs.
            return run.skip("superseded by a later training")
        }
        let material = try load(training, run, &connection)
        let current = try connection.first(CurrentRetrievalAdapter())
        let inUse = current.flatMap { LinearAdapter(width: $0.dimensions, matrix: $0.matrix) }
        let trial = try AdapterTrainer.train(material.pairs, current: inUse) { [run] in try run.checkStop() }
        try run.commit(&connection) { run, connection in
            try store(trial, material, training, &run, &connection)
            run.markDone()
        }
    }

    /// Records a training and marks its pairs, or records why there is none.
    private func begin(_ run: inout JobRun, _ connection: inout Connection) throws {
        let samplesMin = run.settings.integer("RAG_TRAINING_MIN_SAMPLES")
        try run.commit(&connection) { run, connection in
            _ = try connection.run(GiveUpRetrievalTrainings())
            let samples = try connection.first(CountNewTrainingPairs(at: run.dueAt)) ?? 0
            let isEnough = samples >= samplesMin
            let metrics: [JSONMember] =
                isEnough
                ? []
                : [.text("reason", "too_few_pairs"), .count("new_pairs", samples), .count("pairs_min", samplesMin)]
            let begin = BeginRetrievalTraining(
                at: run.dueAt, status: isEnough ? "running" : "skipped", samples: isEnough ? samples : 0,
                metrics: .object(metrics))
            guard let training = try connection.first(begin) else {
                run.markDone()
                return run.skip("a training of this moment is recorded")
            }
            guard isEnough else {
                run.markDone()
                return run.skip("expected \(samplesMin) new pairs of the last seven days, got: \(samples)")
            }
            let pairsMax = run.settings.integer("RAG_TRAINING_MAX_SAMPLES")
            _ = try connection.run(ConsumeTrainingPairs(run: training, at: run.dueAt, pairsMax: pairsMax))
            run.cursor = .number(JSONNumber(training))
        }
    }

    // Pairs -----------------------------------------------------------------------------------------------------------

    /// What a training works on.
    private struct Material {
        var pairs: RetrievalPairs
        var loaded = 0
        /// Why pairs are not used, and how many.
        var rejections: [(reason: String, count: Int)] = []

        mutating func reject(_ reason: String) {
            if let known = rejections.firstIndex(where: { $0.reason == reason }) {
                rejections[known].count += 1
            } else {
                rejections.append((reason, 1))
            }
        }
    }

    private func load(_ training: Int64, _ run: JobRun, _ connection: inout Connection) throws -> Material {
        let width = run.settings.integer("RAG_TRAINING_DIMENSIONS")
        let analyzer = [64, 128, 256].contains(width) ? analyzer(width) : nil
        var material = Material(pairs: RetrievalPairs(width: width))
        var after: Int64 = 0
        while true {
            let page = try connection.query(
                LoadTrainingPairs(run: training, after: after, rowsMax: Self.pageRows))
            guard let last = page.last else { return material }
            for row in page {
                try run.checkStop()
                add(row, analyzer, to: &material)
            }
            after = last.id
        }
    }

    private func add(_ row: LoadTrainingPairs.Row, _ analyzer: TextAnalyzer?, to material: inout Material) {
        material.loaded += 1
        guard let query = embedding(row.query, row.queryEmbedding, analyzer),
            let document = embedding(row.document, row.documentEmbedding, analyzer)
        else { return material.reject("no_embedding") }
        let rejection = material.pairs.add(
            RetrievalPairs.Pair(
                queryKey: StableHash.hash(row.query), documentKey: StableHash.hash(row.document),
                groupKey: row.group.map { StableHash.hash($0) }, relevance: row.relevance, query: query,
                document: document))
        if let rejection { material.reject(rejection.rawValue) }
    }

    /// The embedding that came with a text, or the table's; nil for a text that the table has no rows for.
    ///
    /// Hashed features of other languages are no coordinates of the table's space: no map could serve both.
    private func embedding(_ text: String, _ supplied: [Float?]?, _ analyzer: TextAnalyzer?) -> [Float]? {
        if let supplied { return supplied.map { $0 ?? .nan } }
        guard let analysis = analyzer?.analyze(content: text), analysis.embeddingSource == .table else { return nil }
        return analysis.embedding
    }

    // What it came to -------------------------------------------------------------------------------------------------

    private func store(
        _ trial: AdapterTrial, _ material: Material, _ training: Int64, _ run: inout JobRun,
        _ connection: inout Connection
    ) throws {
        let metrics = metrics(trial, material)
        var replaced: Int64?
        run.tally.recordsProcessed = material.loaded
        run.tally.metadata = [.text("verdict", trial.verdict.rawValue), .count("pairs_used", material.pairs.count)]
        if trial.verdict == .promoted, let adapter = trial.adapter {
            replaced = try connection.first(RetireRetrievalAdapter())
            let promotion = PromoteRetrievalAdapter(
                run: training, dimensions: adapter.width, matrix: adapter.matrix, at: run.dueAt, replaced: replaced,
                metrics: metrics)
            let version = try connection.first(promotion)
            run.tally.successfulUpdates = 1
            run.tally.metadata.append(.count("version", version.map(Int.init) ?? 0))
        }
        let finish = FinishRetrievalTraining(
            run: training, status: trial.verdict == .promoted ? "promoted" : "not_promoted", metrics: metrics,
            replaced: replaced)
        guard try connection.run(finish) == 1 else {
            throw JobFailure("expected training \(training) to be running, got: another state")
        }
        if let gain = trial.gain { run.tally.metadata.append(.number("gain_lower", gain.lower)) }
    }

    private func metrics(_ trial: AdapterTrial, _ material: Material) -> JSONValue {
        var members: [JSONMember] = [
            .text("verdict", trial.verdict.rawValue), .count("pairs", material.loaded),
            .count("pairs_used", material.pairs.count), .count("held_out_queries", trial.queries),
            .count("held_out_groups", trial.groups),
        ]
        if trial.queries > 0 {
            members += [
                .number("ndcg_at_10", trial.adapted.gain), .number("ndcg_at_10_identity", trial.baseline.gain),
                .number("recall_at_10", trial.adapted.recall), .number("recall_at_10_identity", trial.baseline.recall),
                .number("query_ridge", trial.queryRidge),
            ]
        }
        if let current = trial.current {
            members += [.number("ndcg_at_10_current", current.gain), .number("recall_at_10_current", current.recall)]
        }
        for (name, gain) in [("ndcg_gain", trial.gain), ("recall_gain", trial.recallGain)] {
            guard let gain else { continue }
            members += [
                .number(name, gain.mean), .number(name + "_lower", gain.lower), .number(name + "_upper", gain.upper),
            ]
        }
        let rejected = material.rejections.map { JSONMember.count($0.reason, $0.count) }
        members.append(JSONMember(key: "rejected", value: .object(rejected)))
        return .object(members)
    }
}
