import Bytes
import Model
import Postgres
import Store

/// What a worker says about itself; never any content or user.
package enum WorkerEvent: Sendable {
    case claimed(shards: Int, held: Int, otherWorkers: Int)
    case lost(shards: Int)
    case backlog(shards: Int)
    case batch(BatchReport)
    /// Pairs that failed, in all and by reason.
    case quarantined(pairs: Int, reasons: [String: Int])
    /// A cycle that ended well; one that finds nothing to do is one too.
    case cycle(seconds: Double, shardsHeld: Int)
    /// Pairs that the auditor compared with their history, and how many of them differed.
    case audited(pairs: Int, mismatches: Int)
    case failure(WorkerFault, retrySeconds: Double)
}

/// An error as a worker reports it: what happened and what to do about it.
package struct WorkerFault: Sendable, CustomStringConvertible {
    package var description: String
    package var hint: String?
    /// Whether the database could not be reached.
    package var isUnreachable = false

    package init(_ error: any Error) {
        switch error {
        case var error as PostgresError:
            hint = Self.hint(error)
            error.hint = nil
            description = error.description
            isUnreachable = error.isConnectionLoss
        case let error as MigrationError:
            description = error.message
            hint = error.hint
        case let error as ScanRefusal:
            description = error.description
            hint = error.hint
        case let error as FenceError:
            description = error.description
        case let error as ShardStartedOver:
            description = error.description
        case let error as WorkerRefusal:
            description = error.description
            hint = error.hint
        default:
            // Only the type: an unknown error's text may quote content.
            description = "unexpected \(type(of: error))"
        }
    }

    private static func hint(_ error: PostgresError) -> String? {
        if error.isReadOnlyViolation { return "the database is read-only; nothing is lost, the worker tries again" }
        if error.sqlState == "53100" { return "the server's disk is full; free some space, the worker tries again" }
        if error.isUndefinedObject { return "run `afterthought migrate`" }
        if error.sqlState == "42501" { return "the worker's role lacks a grant; see sql/roles.sql" }
        if error.isLockTimeout {
            return "another session locks the worker's tables, see pg_locks; nothing is lost, the worker tries again"
        }
        if error.sqlState == "57014" {
            return "a statement reached its timeout or was cancelled; nothing is lost, the worker tries again"
        }
        if error.code == .connectionFailed {
            return error.refusalHint.map { "\($0); the worker tries again" }
                ?? "check that the server runs and that host and port are right; nothing is lost, the worker tries "
                + "again"
        }
        if error.isConnectionLoss { return "nothing is lost; the worker connects again and sees what was stored" }
        return error.hint
    }
}

/// Why a worker stops working, and will not start again by itself.
package struct WorkerRefusal: Error, Sendable, CustomStringConvertible {
    package var description: String
    package var hint: String

    static func scan(_ refusal: ScanRefusal) -> WorkerRefusal {
        WorkerRefusal(description: refusal.description, hint: refusal.hint)
    }

    static func newerWorker(own: Int32, other: Int32) -> WorkerRefusal {
        WorkerRefusal(
            description: "expected workers of engine version \(own) or older, got: one of version \(other)",
            hint: "this worker makes way for the newer one; upgrade it")
    }

    static func otherConfiguration(own: String, other: String) -> WorkerRefusal {
        WorkerRefusal(
            description: "expected the configuration of the running workers (\(other)), got: \(own)",
            hint: "start all workers of a database with the same settings, or stop the others first")
    }
}
