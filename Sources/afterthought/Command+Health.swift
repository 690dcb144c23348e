import Bytes
import Postgres
import Store

extension Command {
    /// How long a look at the health waits for the database, in seconds.
    private static let healthWaitSeconds = 2

    static let healthOptions = [
        Option(
            name: "health",
            help: "only say in one line whether a worker is well: status 0 if so, 1 if none is or its last cycle is "
                + "too old, 69 if the database is out of reach or not migrated"),
        Option(
            name: "alive",
            help: "as --health, but without asking the database: status 1 if the worker of the health file stands still"
        ),
        Option(
            name: "health-seconds", value: "N",
            help: "how old the last cycle may be (default 60 and two pauses between cycles)",
            check: .number(1...86_400)),
        healthFile,
    ]

    static let healthFile = Option(
        name: "health-file", value: "PATH",
        help: "where a worker says that it moves; without one, --health looks for any worker of the database",
        environmentKey: "AFTERTHOUGHT_HEALTH_FILE")

    /// Says in one line whether a worker is well, for those who start and stop containers.
    ///
    /// - Parameter invocation: of `status`, with `--health` or `--alive`.
    /// - Returns: the status to exit with.
    /// - Throws: `CommandFailure` for a command line that can't be understood; anything else is an answer.
    static func showHealth(_ invocation: Invocation) throws -> ExitCode {
        let limit = invocation.number("health-seconds")
        let path = invocation.value("health-file")
        if invocation.isSet("alive") {
            guard let path else {
                throw CommandFailure(
                    .usage, "expected `--alive` with a health file, got: none",
                    hint: "name it with --health-file or AFTERTHOUGHT_HEALTH_FILE, as for the worker")
            }
            return show(Health.alive(try WorkerPulse.read(path), now: Pulse.now, limit: limit), invocation)
        }
        let pulse = try path.flatMap { path throws(CommandFailure) in try WorkerPulse.read(path) }
        do {
            let presence = try presence(invocation, of: pulse?.owner)
            let health =
                path == nil
                ? Health.anybody(presence, limit: limit)
                : Health.own(pulse, presence, now: Pulse.now, limit: limit)
            return show(health, invocation)
        } catch {
            let failure = CommandFailure(error)
            if failure.code == .usage { throw failure }
            return show(Health(isWell: false, text: failure.message), invocation, code: failure.code)
        }
    }

    private static func presence(_ invocation: Invocation, of owner: UUID?) throws -> WorkerPresence {
        let choice = try DatabaseChoice(invocation)
        defer { choice.embedded?.stop() }
        var options = choice.options
        options.preparesStatements = false
        options.applicationName = "afterthought health"
        options.connectTimeoutSeconds = healthWaitSeconds
        options.tcpUserTimeoutMilliseconds = healthWaitSeconds * 1000
        options.sessionSettings += [("statement_timeout", "\(healthWaitSeconds)s")]
        var connection = try Connection(options)
        try Migrator.requireCurrent(&connection)
        guard let presence = try connection.first(LoadWorkerPresence(owner: owner)) else {
            preconditionFailure("expected one row from an aggregate, got: none")
        }
        return presence
    }

    private static func show(_ health: Health, _ invocation: Invocation, code: ExitCode = .unwell) -> ExitCode {
        if invocation.wantsJSON {
            var json = JSONWriter()
            json.beginObject()
            json.key("healthy")
            json.value(health.isWell)
            json.key("message")
            json.value(health.text)
            json.key("cycle_age_seconds")
            json.value(health.cycleAgeSeconds, decimals: 3)
            json.key("shards")
            json.value(health.shards)
            json.endObject()
            Terminal.print(json.text)
        } else {
            Terminal.print((health.isWell ? "healthy: " : "unhealthy: ") + health.text)
        }
        return health.isWell ? .ok : code
    }
}
