import Bytes
import Postgres

/// One thing that `doctor` looked at.
package struct DoctorFinding: Equatable, Sendable {
    /// How it is.
    package enum Verdict: String, Sendable {
        case ok
        /// It works, but not as well or as safely as it could.
        case warning
        /// Something does not work, or results can be wrong.
        case failure
    }

    /// A stable name, such as `clock`.
    package var check: String
    package var verdict: Verdict
    /// What was found, without content of messages.
    package var message: String
    /// What to do; nil when all is well.
    package var hint: String?

    package init(_ check: String, _ verdict: Verdict, _ message: String, hint: String? = nil) {
        self.check = check
        self.verdict = verdict
        self.message = message
        self.hint = hint
    }
}

/// Looks at a database as an operator would before trusting it; changes nothing.
package enum Doctor {
    /// How far the process's clock may be from the database's, in seconds.
    static let clockSecondsMax = 2.0

    /// Runs all checks.
    ///
    /// - Parameters:
    ///   - connection: a session, outside a transaction; the more it may see, the more is found.
    ///   - processClock: this machine's time, taken just before.
    /// - Returns: the findings in a fixed order; those that need the schema only if it is there.
    /// - Throws: `PostgresError` when the connection is lost.
    package static func examine(_ connection: inout Connection, processClock: Timestamp) throws -> [DoctorFinding] {
        // At once: whatever is asked before would count as a difference of the clocks.
        let clock = try clock(&connection, processClock)
        let status = try Migrator.status(&connection)
        var findings = [server(status), schema(status), clock]
        findings.append(try route(&connection))
        guard status.problem == nil else { return findings }
        for check in checks {
            do {
                findings.append(try check.run(&connection))
            } catch let error as PostgresError where error.sqlState == "42501" {
                findings.append(
                    DoctorFinding(check.name, .warning, "not allowed to look", hint: "run doctor as the schema's owner")
                )
            }
        }
        return findings
    }

    private struct Check: Sendable {
        let name: String
        let run: @Sendable (inout Connection) throws -> DoctorFinding
    }

    private static let checks: [Check] = [
        Check(name: "cluster") { try cluster(&$0) },
        Check(name: "watermark") { try watermark(&$0) },
        Check(name: "grants") { try grants(&$0) },
        Check(name: "worker grants") { try workerGrants(&$0) },
        Check(name: "triggers") { try triggers(&$0) },
        Check(name: "storage") { try storage(&$0) },
        Check(name: "transactions") { try transactions(&$0) },
        Check(name: "settings") { try settings(&$0) },
        Check(name: "quarantine") { try quarantine(&$0) },
    ]

    static func server(_ status: SchemaStatus) -> DoctorFinding {
        let major = status.serverVersion / 10_000
        if status.serverVersion < SchemaStatus.serverVersionMin {
            let error = MigrationError.serverTooOld(status.serverVersion)
            return DoctorFinding("server", .failure, error.message, hint: error.hint)
        }
        let version = "PostgreSQL \(major).\(status.serverVersion % 10_000)"
        if status.isInRecovery {
            return DoctorFinding(
                "server", .warning, "\(version), a standby: reads work, a worker does not",
                hint: "point the worker at the primary")
        }
        return DoctorFinding("server", .ok, "\(version), no extension needed")
    }

    static func schema(_ status: SchemaStatus) -> DoctorFinding {
        if let problem = status.problem {
            let details = status.drifted.map { row in
                let ours = status.known.first { $0.version == row.version }?.checksum ?? ""
                return "; \(row.version): database \(row.checksum.prefix(12)), build \(ours.prefix(12))"
            }
            return DoctorFinding("schema", .failure, problem.message + details.joined(), hint: problem.hint)
        }
        return DoctorFinding("schema", .ok, "version \(status.version), \(status.known.count) migrations unchanged")
    }

    /// A worker sets its session up, and counts on finding it as it left it.
    private static func route(_ connection: inout Connection) throws -> DoctorFinding {
        let backend = try connection.textRows("select pg_backend_pid()")
        if backend.first?.first == "\(connection.backendProcessID)" {
            return DoctorFinding("connection", .ok, "straight to the server")
        }
        return DoctorFinding(
            "connection", .warning, "through a connection pooler",
            hint: "a worker needs the pooler's session mode, or a connection past it; readers work in transaction "
                + "mode too")
    }

    private static func clock(_ connection: inout Connection, _ processClock: Timestamp) throws -> DoctorFinding {
        guard let now = try connection.first(DatabaseClock()) else {
            preconditionFailure("expected one row from a select without from, got: none")
        }
        return clock(aheadSeconds: processClock.seconds(since: now))
    }

    static func clock(aheadSeconds: Double) -> DoctorFinding {
        let milliseconds = Int((aheadSeconds * 1000).rounded())
        guard aheadSeconds.magnitude > clockSecondsMax else {
            return DoctorFinding("clock", .ok, "this machine and the database differ by \(milliseconds) ms")
        }
        return DoctorFinding(
            "clock", .warning, "expected clocks within \(clockSecondsMax) s, got: \(milliseconds) ms apart",
            hint: "run NTP on both; the database's clock rules, so only this process's own trust is affected")
    }
}
