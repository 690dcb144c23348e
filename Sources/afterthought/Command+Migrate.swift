import Bytes
import Postgres
import Store

extension Command {
    /// The schema.
    static let migrate = Command(
        name: "migrate", summary: "create the schema or bring it up to date",
        details: [
            "Applies what is missing, one transaction a migration, under a lock: any number may run at the same time, "
                + "and a second run does nothing. It needs the right to create in the database."
        ],
        options: [
            Option(name: "dry-run", help: "only say what would be applied"),
            Option(
                name: "roles",
                help:
                    "also create the roles afterthought_app, _reader, _worker, _admin and _monitor, with their rights"
            ),
            Option.json,
        ],
        examples: ["migrate --database-url postgresql://owner@localhost/app", "migrate --embedded"],
        body: .blocking { invocation in
            try DatabaseChoice.withConnection(invocation) { connection in
                if invocation.isSet("dry-run") { return try dryRun(&connection, invocation) }
                let report = try Migrator.migrate(&connection)
                if invocation.isSet("roles") { try Migrator.applyRoles(&connection) }
                printReport(report, invocation)
                return .ok
            }
        })

    private static func dryRun(_ connection: inout Connection, _ invocation: Invocation) throws -> ExitCode {
        let status = try Migrator.status(&connection)
        if let obstacle = status.obstacle { throw obstacle }
        let done = status.known.count - status.pending.count
        if invocation.wantsJSON {
            printJSON("pending", status.pending, alreadyApplied: done, rolesGranted: false)
        } else if status.pending.isEmpty {
            Terminal.print("nothing to apply: the schema is at version \(status.version)")
        } else {
            for migration in status.pending { Terminal.print("would apply \(migration)") }
        }
        return .ok
    }

    private static func printReport(_ report: MigrationReport, _ invocation: Invocation) {
        let grantsRoles = invocation.isSet("roles")
        if invocation.wantsJSON {
            printJSON("applied", report.applied, alreadyApplied: report.alreadyApplied, rolesGranted: grantsRoles)
            return
        }
        for migration in report.applied { Terminal.print("applied \(migration)") }
        if report.applied.isEmpty {
            Terminal.print("nothing to apply: the schema is at version \(Migration.all.last?.version ?? 0)")
        }
        if grantsRoles { Terminal.print("roles created and granted") }
    }

    private static func printJSON(
        _ key: String, _ migrations: [Migration], alreadyApplied: Int, rolesGranted: Bool
    ) {
        var json = JSONWriter()
        json.beginObject()
        json.key(key)
        json.beginArray()
        for migration in migrations { json.value("\(migration)") }
        json.endArray()
        json.key("already_applied")
        json.value(alreadyApplied)
        json.key("schema_version")
        json.value(Migration.all.last?.version ?? 0)
        json.key("roles_granted")
        json.value(rolesGranted)
        json.endObject()
        Terminal.print(json.text)
    }
}
