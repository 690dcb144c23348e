import Bytes
import Jobs
import Model
import Postgres
import Store
import Support
import Testing

@Suite("Weekly evaluation", .database)
struct SignalQualityJobTests {
    /// Stores one figure, as an evaluation does.
    private static let job = SignalQualityJob { pairsMax, connection, goesOn in
        let identity = WorkerIdentity(
            owner: UUID.random(), engineVersion: 1, configHash: "e64", leaseSeconds: 30, ttlSeconds: 300)
        let figure = SaveSignalQuality.Figure(
            engine: .memoryAging, metric: "loss", value: 0.7, baselineName: "constant", baseline: 0.6,
            predictions: 500, pairs: Int64(pairsMax), isValidated: false)
        return SignalQualityJob.Evaluation(
            pairs: goesOn() ? pairsMax : 0, unvalidated: ["memory_aging"],
            save: { _ = try $0.run(SaveSignalQuality(rows: [figure], identity: identity)) })
    }

    @Test("cut off at any statement, it stores its figures once")
    func cutEverywhere() throws {
        let places = try JobBench.cutEverywhere(
            JobBench.Request(Self.job), prepare: { _ in },
            state: { connection in
                try connection.lines("select engine, pairs, validated from afterthought.signal_quality")
                    + connection.lines(
                        "select state, tally #>> '{metadata,unvalidated}', tally ->> 'records_processed' "
                            + "from afterthought.jobs")
            })
        #expect(places >= 6)
    }

    @Test("it runs every Sunday, and looks at as many pairs as its setting says")
    func schedule() throws {
        var connection = try TestDatabase.current.connect()
        #expect(
            try connection.lines("select cron from afterthought.job_schedules where job = 'signal_quality'")
                == ["0 4 * * SUN"])
        try connection.execute(
            "update afterthought.job_settings set value = '12' where name = 'SIGNAL_QUALITY_PAIRS'")
        #expect(try JobBench.run(JobBench.Request(Self.job), &connection).tally.recordsProcessed == 12)
    }
}
