import Postgres
import Store

/// The database that a command works on: the one named by options or variables, or the private one.
struct DatabaseChoice {
    /// How to connect.
    let options: ConnectionOptions
    /// The private server, if that is it.
    let embedded: EmbeddedPostgres?

    /// Chooses by the command's options, starting the private server if they ask for it.
    ///
    /// - Parameter invocation: a command with the database's options.
    /// - Throws: `EmbeddedError`, `PostgresError` for an unreadable URL, `CommandFailure` for options that contradict.
    init(_ invocation: Invocation) throws {
        if invocation.isSet("embedded"), invocation.isSet("database-url") {
            throw CommandFailure(
                .usage, "expected `--embedded` or `--database-url`, got: both", hint: "leave one of them out")
        }
        if invocation.isSet("embedded") {
            let server = try EmbeddedPostgres.start(
                at: invocation.value("data-folder"), programs: invocation.postgresPrograms)
            embedded = server
            options = try ConnectionOptions(url: server.connectionURL)
        } else {
            embedded = nil
            let url = try invocation.value("database-url") ?? DatabaseURLFile.url(invocation.environment)
            options = try ConnectionOptions(url: url, environment: invocation.environment)
        }
    }

    /// Runs blocking work with a connection, and stops the private server afterwards if this was its last user.
    static func withConnection<Result>(
        _ invocation: Invocation, _ body: (inout Connection) throws -> Result
    ) throws -> Result {
        let choice = try DatabaseChoice(invocation)
        defer { choice.embedded?.stop() }
        var options = choice.options
        // A command has time to plan each statement anew, and works behind any pooler that way.
        options.preparesStatements = false
        var connection = try Connection(options)
        return try body(&connection)
    }

    /// Like `withConnection`, and refuses a database whose schema is not the one this build needs.
    static func withMigrated<Result>(
        _ invocation: Invocation, _ body: (inout Connection) throws -> Result
    ) throws -> Result {
        try withConnection(invocation) { connection in
            try Migrator.requireCurrent(&connection)
            return try body(&connection)
        }
    }
}
