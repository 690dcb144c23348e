import Engines
import Jobs
import Postgres
import Store
import Worker

/// The jobs that this program can run.
enum JobCatalog {
    /// Every job.
    ///
    /// - Parameters:
    ///   - promptEvaluator: nil: rewritten prompts are recorded as not evaluated.
    ///   - clusterNamer: nil: clusters are called by their keywords.
    ///   - analyzer: made when a job first needs it; a worker lends its own.
    /// - Returns: them, each with a name of its own.
    static func all(
        promptEvaluator: (any PromptEvaluator)? = nil, clusterNamer: (any ClusterNamer)? = nil,
        analyzer: @escaping @Sendable () -> TextAnalyzer
    ) -> [any Job] {
        [
            signalQuality(analyzer), PreferenceAggregationJob(), PersonalityUpdateJob(), InsightCleanupJob(),
            ClusteringJob(namer: clusterNamer) { wideAnalyzer }, ReembedJob { wideAnalyzer }, ExperimentAnalysisJob(),
            PromptOptimizationJob(evaluator: promptEvaluator), LearningCleanupJob(), LearningReportJob(),
            CacheCleanupJob(),
            RetrievalTrainingJob { $0 == wideAnalyzer.dimensions ? wideAnalyzer : .shipped(dimensions: $0) },
        ]
    }

    /// Every job, with the language model that a process's variables name, if any.
    ///
    /// - Throws: `CommandFailure` when those variables contradict each other.
    static func all(
        _ environment: [String: String], _ options: ConnectionOptions, analyzer: @escaping @Sendable () -> TextAnalyzer
    ) throws(CommandFailure) -> [any Job] {
        all(
            promptEvaluator: try LanguageModelChoice.promptEvaluator(environment, options),
            clusterNamer: try LanguageModelChoice.clusterNamer(environment, options), analyzer: analyzer)
    }

    /// What conversation vectors are made with; indexed when a job first needs it.
    private static let wideAnalyzer = TextAnalyzer.shipped(dimensions: 256)

    private static func signalQuality(_ analyzer: @escaping @Sendable () -> TextAnalyzer) -> SignalQualityJob {
        SignalQualityJob { pairsMax, connection, goesOn in
            guard let cluster = try connection.first(LoadClusterIdentityRow()) else {
                throw JobFailure("expected a row in afterthought.cluster_identity, got none")
            }
            let recomputation = Recomputation(
                configuration: WorkerConfiguration(), cluster: cluster, analyzer: analyzer())
            let pairs = try connection.query(ChooseCachedPairs(share: 0, salt: "", pairsMin: Int64(pairsMax)))
            let evaluation = try recomputation.evaluate(&connection, pairs) { _ in goesOn() }
            return SignalQualityJob.Evaluation(
                pairs: evaluation.pairs,
                unvalidated: evaluation.findings.filter { $0.isValidated == false }
                    .map(\.evidence.engine.rawValue),
                save: { try recomputation.save(evaluation, &$0) })
        }
    }
}
