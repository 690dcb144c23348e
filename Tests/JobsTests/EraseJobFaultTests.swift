import Bytes
import Engines
import Jobs
import Postgres
import Store
import Support
import Testing

@Suite("Erasing a user beside jobs", .database)
struct EraseJobFaultTests {
    /// A job that reads a user, is overtaken by an erasure, and then stores what it read.
    private struct SlowJob: Job {
        let name = "preference_aggregation"
        let options: ConnectionOptions
        let user: String

        func run(_ run: inout JobRun, _ connection: inout Connection) throws {
            try run.commit(&connection) { run, connection in
                let found = try connection.textRows("select count(*) from afterthought.preference_signals")
                guard found == [["1"]] else { return }
                var other = try Connection(options)
                _ = try Eraser.shipped.erase(&other, Erasure(userID: user))
                try connection.execute(
                    """
                    insert into afterthought.user_update_failures (job, user_id, failed_at, attempts, error)
                    values ('preference_aggregation', '\(user)', now(), 1, 'fails')
                    """)
                run.cursor = .string(user)
            }
        }
    }

    @Test("a job whose step is in flight loses its claim, and its next attempt does not see the user")
    func stepInFlight() throws {
        let database = TestDatabase.current
        var connection = try database.connect()
        try connection.execute("select afterthought.record_preference_signal('erasee', 'a query')")
        let job = SlowJob(options: try database.options, user: "erasee")
        // Nil: the claim was lost, and nothing of the step was committed.
        #expect(try JobBench.run(JobBench.Request(job), &connection).state == nil)
        #expect(try Eraser.traces(of: "erasee", &connection).isEmpty)
        #expect(
            try connection.textRows("select state, error_message from afterthought.jobs")
                == [["waiting", "a user was erased; another attempt goes on"]])
        #expect(try JobBench.run(JobBench.Request(job), &connection).state == "completed")
        #expect(try Eraser.traces(of: "erasee", &connection).isEmpty)
    }
}
