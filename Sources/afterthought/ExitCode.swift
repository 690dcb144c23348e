import Jobs
import Operations
import Postgres
import Store
import Worker

/// What the process's exit status says, after BSD's sysexits.
enum ExitCode: Int32 {
    /// All went well.
    case ok = 0
    /// `doctor` or `status --health` found something wrong.
    case unwell = 1
    /// The command line or the configuration can't be understood.
    case usage = 64
    /// The data is not all as it should be.
    case data = 65
    /// The database is out of reach, or not in a state to work with.
    case unavailable = 69
    /// A fault of this program.
    case internalError = 70
    /// Somebody else is at it; the same command may succeed later.
    case busy = 75
    /// Stopped by Ctrl-C or SIGTERM.
    case interrupted = 130
}

/// Why a command ended early: what was expected, what to do next, and the status to exit with.
struct CommandFailure: Error {
    let code: ExitCode
    let message: String
    let hint: String?

    init(_ code: ExitCode, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// What any error means for the process.
    init(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as ImportError:
            let code: ExitCode =
                switch error.kind {
                case .unreadable, .malformed: .data
                case .busy: .busy
                case .interrupted: .interrupted
                }
            self.init(code, error.message, hint: error.hint)
        case let error as MigrationError: self.init(.unavailable, error.message, hint: error.hint)
        case let error as WorkerRefusal: self.init(.unavailable, error.description, hint: error.hint)
        case let error as ScanRefusal: self.init(.unavailable, error.description, hint: error.hint)
        case let error as EmbeddedError: self.init(.unavailable, error.message, hint: error.hint)
        case let error as HTTPServerError: self.init(.unavailable, error.message, hint: error.hint)
        case let error as JobFailure: self.init(.usage, error.description)
        case let error as PostgresError: self.init(error)
        default: self.init(.internalError, "\(error)")
        }
    }

    private init(_ error: PostgresError) {
        let isOutOfReach =
            error.isConnectionLoss || error.isResourceShortage || error.isReadOnlyViolation
            || error.code == .timeout || error.code == .poolExhausted
        var described = error
        described.hint = nil
        if isOutOfReach {
            self.init(.unavailable, "\(described)", hint: error.refusalHint ?? error.hint ?? Self.reachHint)
        } else if error.isLockTimeout {
            self.init(
                .busy, "\(described)", hint: error.hint ?? "another session holds a lock, see pg_locks; try again")
        } else if error.code == .misuse {
            self.init(.usage, "\(described)", hint: error.hint)
        } else if error.isUndefinedObject {
            self.init(.unavailable, "\(described)", hint: error.hint ?? "run `afterthought migrate`")
        } else if error.code == .cancelled {
            self.init(.interrupted, "\(described)", hint: error.hint)
        } else {
            self.init(error.isDataError ? .data : .internalError, "\(described)", hint: error.hint)
        }
    }

    static let reachHint =
        "name the database with --database-url or AFTERTHOUGHT_DATABASE_URL, or use a private one with --embedded"
}
