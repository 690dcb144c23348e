import Bytes
import Postgres

/// One kind of background work: run by schedule, by need or by hand, on any worker, one run at a time.
///
/// A run may be killed at any statement and is then taken up by another attempt. So everything it changes goes through
/// `JobRun.commit`, in steps each of which is whole: what a step changed, the tally and the cursor commit together, and
/// a run that lost its claim meanwhile can commit nothing.
package protocol Job: Sendable {
    /// Its name in `job_schedules`, `jobs` and `system_tasks`.
    var name: String { get }

    /// Whether the argument `user_id` restricts it to one user; else a run that has it is refused.
    var takesUser: Bool { get }

    /// Why it should run although no tick of its schedule is due; nil: it need not.
    ///
    /// Asked every few seconds, so it has to be one cheap statement.
    func reasonToRun(_ settings: JobSettings, _ connection: inout Connection) throws -> String?

    /// Does the work, or what is left of it after an earlier attempt.
    ///
    /// - Parameters:
    ///   - run: what this run was asked for, and how it commits.
    ///   - connection: of this run alone, on a thread of its own: blocking is allowed.
    /// - Throws: any error fails the attempt; it is repeated with backoff until its attempts are used up.
    func run(_ run: inout JobRun, _ connection: inout Connection) throws
}

extension Job {
    package var takesUser: Bool { false }

    package func reasonToRun(_ settings: JobSettings, _ connection: inout Connection) throws -> String? { nil }
}
