/// What to adopt, and how.
package struct AdoptionOptions: Sendable {
    /// The table, as SQL names it.
    package var table: String
    /// Columns that were named by hand: one of the table's, or a text in single quotes.
    package var sources: [ImportColumn: String] = [:]
    /// What values of the role's column stand for, in lower case: user, assistant, system or skip.
    package var roles: [String: String] = [:]
    /// The zone of times that have none.
    package var timeZone = "UTC"
    /// Units a second of times that are numbers; nil: such times are refused.
    package var timeUnitsASecond: Int?
    /// Whether rows come by logical replication.
    package var isSubscriber = false
    /// Whether rows that are there already are read; nil: as it was decided before, at first yes.
    package var backfills: Bool?
    /// How long a lock on the table is waited for, while others may wait behind.
    package var lockSeconds = 2.0

    package init(table: String) { self.table = table }
}

/// Where a column of `messages` comes from, and why.
package struct AdoptionSource: Equatable, Sendable {
    package let column: ImportColumn
    /// The SQL of it, over a row called `n`.
    package let sql: String
    /// For people: the table's column and its type, or a constant.
    package let origin: String
    /// For people: why this one.
    package let reason: String
}

/// How the rows of a table become messages.
package struct AdoptionPlan: Sendable {
    /// How rows are noticed.
    package enum Capture: String, Sendable {
        /// Once a statement.
        case statement
        /// Once a row: a partitioned table's trigger a statement does not see what goes straight into a partition.
        case row
        /// Once a row, also when replication applies it.
        case subscriber
    }

    /// The table as SQL names it, quoted.
    package let table: String
    let relation: AdoptionRelation
    package let capture: Capture
    /// What external ids begin with, before a colon.
    package let source: String
    package let sources: [AdoptionSource]
    let key: [AdoptionColumn]
    /// The SQL of the key as one text, over a row called `n`.
    let keySQL: String
    /// Remarks for people.
    package let remarks: [String]

    /// What the names of its functions begin with.
    var stem: String { "adopted_" + SHA256Text.short(source) }
}

extension AdoptionPlan {
    /// Decides how a table's rows become messages.
    ///
    /// - Parameters:
    ///   - relation: the table.
    ///   - columns: its columns.
    ///   - keys: what tells its rows apart, best first.
    ///   - options: what was said by hand.
    /// - Throws: `AdoptionError` when something necessary is missing or can't be read.
    init(
        _ relation: AdoptionRelation, columns: [AdoptionColumn], keys: [[String]], options: AdoptionOptions
    ) throws(AdoptionError) {
        try Self.check(relation, options)
        var mapper = AdoptionMapper(columns: columns, options: options)
        var found: [AdoptionSource] = []
        for column in ImportColumn.allCases where column != .externalID {
            if let source = try mapper.source(of: column) { found.append(source) }
        }
        let key = try Self.key(keys, columns)
        self.relation = relation
        table = relation.sql
        capture = options.isSubscriber ? .subscriber : relation.kind == "p" ? .row : .statement
        source = Self.source(relation)
        sources = found
        self.key = key
        keySQL = Self.keySQL(key)
        remarks = mapper.remarks
    }

    /// Names that need no quotes stand as they are; where they would not leave enough room for keys, their digest does.
    static func source(_ relation: AdoptionRelation) -> String {
        let isPlain: (String) -> Bool = { name in
            name.utf8.allSatisfy { $0 >= 0x61 && $0 <= 0x7A || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x5F }
        }
        let parts = [relation.schema, relation.name].map { isPlain($0) ? $0 : SQLText.identifier($0) }
        let name = parts.joined(separator: ".")
        return name.utf8.count <= 140 ? name : "relation-" + SHA256Text.short(name)
    }

    private static func check(_ relation: AdoptionRelation, _ options: AdoptionOptions) throws(AdoptionError) {
        let kinds = [
            "v": "a view", "m": "a materialized view", "f": "a foreign table", "S": "a sequence", "i": "an index",
            "c": "a type", "I": "an index", "t": "a TOAST table",
        ]
        if let kind = kinds[relation.kind] {
            throw AdoptionError(
                .unfit, "expected \(relation.sql) to be a table, got: \(kind)",
                hint: "no trigger sees the rows there: adopt the table that the rows are written to, or insert into "
                    + "afterthought.messages")
        }
        if relation.schema == "afterthought" {
            throw AdoptionError(
                .unfit, "expected a table of the application, got: one of schema afterthought",
                hint: "its own tables need no adoption")
        }
        if relation.persistence == "t" {
            throw AdoptionError(
                .unfit, "expected \(relation.sql) to stay, got: a temporary table", hint: "adopt a permanent one")
        }
        if relation.isPartition {
            throw AdoptionError(
                .unfit, "expected a whole table, got: one partition of one",
                hint: "adopt the partitioned table, whose triggers then are on every partition")
        }
        if relation.hasInheritance {
            throw AdoptionError(
                .unfit, "expected a table without inheritance, got: one that inherits or is inherited from",
                hint: "a trigger of the parent does not see rows that go straight into a child: use partitions, or "
                    + "insert into afterthought.messages")
        }
        try checkRights(relation, options)
    }

    private static func checkRights(_ relation: AdoptionRelation, _ options: AdoptionOptions) throws(AdoptionError) {
        if !relation.ownsSchema {
            throw AdoptionError(
                .forbidden,
                "expected a member of \(relation.schemaOwner), who owns schema afterthought, got: "
                    + relation.role,
                hint: "connect as a role that is a member of \(relation.schemaOwner) and of the table's owner")
        }
        if !relation.missingRights.isEmpty {
            throw AdoptionError(
                .forbidden,
                "expected the rights SELECT, UPDATE and TRIGGER on \(relation.sql), got: none to "
                    + relation.missingRights.joined(separator: ", "),
                hint: "grant \(relation.missingRights.joined(separator: ", ").lowercased()) on \(relation.sql) to "
                    + "\(SQLText.identifier(relation.role)); UPDATE only to hold rows still while they are read")
        }
        if options.isSubscriber, !relation.isOwned {
            throw AdoptionError(
                .forbidden, "expected a member of the owner of \(relation.sql), got: \(relation.role)",
                hint: "only an owner can enable triggers for replication")
        }
        if relation.hidesRows {
            throw AdoptionError(
                .forbidden,
                "expected to see every row of \(relation.sql), got: row-level security for "
                    + relation.role,
                hint: "connect as the table's owner or as a role with bypassrls")
        }
    }

    private static let keyTypes = [
        "int2", "int4", "int8", "numeric", "uuid", "text", "varchar", "enum", "timestamptz", "timestamp", "date",
    ]

    /// The first key whose columns read the same in every session.
    private static func key(_ keys: [[String]], _ columns: [AdoptionColumn]) throws(AdoptionError) -> [AdoptionColumn] {
        var unfit: AdoptionColumn?
        for names in keys {
            let key = names.compactMap { name in columns.first { $0.name == name } }
            if let bad = key.first(where: { !keyTypes.contains($0.type) }) {
                unfit = unfit ?? bad
            } else {
                return key
            }
        }
        if let unfit {
            throw AdoptionError(
                .unfit, "expected a key of whole numbers, uuid, text or times, got: `\(unfit.name)` \(unfit.typeShown)",
                hint: "add a unique index over a column of such a type that is not null")
        }
        throw AdoptionError(
            .unfit, "expected a primary key or a unique index over columns that are not null, got: none",
            hint: "alter table … add column id bigint generated always as identity primary key: without a key a "
                + "message could come twice")
    }

    /// Written so that it depends on no setting of the session.
    private static func keySQL(_ key: [AdoptionColumn]) -> String {
        let parts = key.map { column in
            switch column.type {
            case "timestamptz", "timestamp", "date": "extract(epoch from \(column.sql))::text"
            default: column.sql + "::text"
            }
        }
        return parts.count == 1 ? parts[0] : "jsonb_build_array(\(parts.joined(separator: ", ")))::text"
    }
}
