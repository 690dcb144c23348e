import Bytes

/// The SQL that mirrors a table: functions, triggers and the record of them.
///
/// What an application does never fails by it. Each trigger function tries the whole statement at once; if anything
/// goes wrong it takes the rows one by one, and a row that can't be taken is noted in `adoption_rejects`. Statements
/// are written so that their plans, which a session keeps, are right for one row and for ten thousand: rows of before
/// and after are compared by sorting or hashing, messages are found by their unique index.
///
/// Source: PostgreSQL manual, CREATE TRIGGER, "REFERENCING"; PL/pgSQL, "Trapping Errors".
struct AdoptionSQL {
    let plan: AdoptionPlan
    /// Who the functions belong to, as SQL names it.
    var owner: String { SQLText.identifier(plan.relation.schemaOwner) }
    var source: String { SQLText.literal(plan.source) }

    static let columns =
        "user_id, bot_name, role, content, created_at, conversation_id, external_id, emotion, embedding"
    private static let faultArguments =
        "m.user_id, m.bot_name, m.role, m.content, m.created_at, m.conversation_id, m.emotion, m.embedding"

    init(_ plan: AdoptionPlan) { self.plan = plan }

    /// Rows of a relation called `n` as messages, with the columns of `columns`.
    func mapped(_ relation: String) -> String {
        let values = ImportColumn.allCases.map { column -> (order: Int, sql: String) in
            let name = column.name
            let order = Self.columns.split(separator: ",").firstIndex { $0.drop { $0 == " " } == name } ?? 0
            return (order, value(column) + " as " + name)
        }
        let list = values.sorted { $0.order < $1.order }.map(\.sql).joined(separator: ",\n        ")
        return "select\n        \(list)\n    from \(relation) as n"
    }

    private func value(_ column: ImportColumn) -> String {
        if column == .externalID { return "afterthought.adopted_id(\(source), \(plan.keySQL)) collate \"C\"" }
        if let source = plan.sources.first(where: { $0.column == column }) { return source.sql }
        switch column {
        case .emotion: return "null::jsonb"
        case .embedding: return "null::real[]"
        default: return "null::text collate \"C\""
        }
    }

    static let fault = "afterthought.adoption_fault(\(faultArguments))"
    static let isNotSkipped = "m.role is distinct from 'skip'"

    /// Whether nobody who was erased did it; `b` is the one row of `erasure_bounds`.
    static let isNotErased = """
        (not b.has_forever and (b.newest_at is null or b.newest_at < m.created_at)
                or not afterthought.is_erased(m.user_id, m.bot_name, m.created_at))
        """

    static let conflict = "on conflict (bot_name, user_id, external_id) where external_id is not null"
    static let overwrite = """
        do update
            set role = excluded.role, content = excluded.content, created_at = excluded.created_at,
                conversation_id = excluded.conversation_id, emotion = excluded.emotion, embedding = excluded.embedding
        """

    /// Stores rows that can be messages.
    func insertion(from rows: String, whatIsThere: String) -> String {
        """
        insert into afterthought.messages as t
                (\(Self.columns))
            select \(Self.columns.split(separator: ", ").map { "m." + $0 }.joined(separator: ", "))
            from (\(rows)) as m
            cross join afterthought.erasure_bounds as b
            where \(Self.isNotSkipped) and \(Self.fault) is null
                and \(Self.isNotErased)
            \(Self.conflict) \(whatIsThere);
        """
    }

    /// Notes rows that can't be messages.
    func rejection(from rows: String) -> String {
        """
        insert into afterthought.adoption_rejects (source, external_id, user_id, reason)
            select \(source), f.external_id, case when octet_length(f.user_id) <= 256 then f.user_id end, f.reason
            from (select m.external_id, m.user_id, m.role, \(Self.fault) as reason from (\(rows)) as m) as f
            where f.role is distinct from 'skip' and f.reason is not null
            on conflict on constraint adoption_rejects_pkey do update
            set user_id = excluded.user_id, reason = excluded.reason, rejected_at = excluded.rejected_at;
        """
    }

    /// Everything that makes the adoption, but for the history.
    func install(_ options: AdoptionOptions) -> String {
        let record = record(wantsBackfill: options.backfills ?? true)
        return "set local lock_timeout = '\(Int(options.lockSeconds * 1000))ms';\n\n" + definition + "\n\n" + record
            + "\n"
    }

    /// The functions and triggers.
    var definition: String { (functions + triggers).joined(separator: "\n\n") }

    /// SHA-256 of the functions and triggers.
    var definitionHash: String { SHA256Text.whole(definition) }

    static let events = ["insert", "update", "delete", "truncate"]

    private func record(wantsBackfill: Bool) -> String {
        let mapping = plan.sources.map { "\(SQLText.literal($0.column.name)), \(SQLText.literal($0.sql))" }
        return """
            insert into afterthought.adoptions (
                source, relation_schema, relation_name, function_stem, captures, definition_hash, wants_backfill,
                mapping)
            values (
                \(source), \(SQLText.literal(plan.relation.schema)), \(SQLText.literal(plan.relation.name)),
                '\(plan.stem)', '\(plan.capture.rawValue)', '\(definitionHash)',
                \(wantsBackfill),
                jsonb_build_object(
                    \(mapping.joined(separator: ",\n        ")),
                    'external_id', \(SQLText.literal(plan.keySQL))))
            on conflict on constraint adoptions_pkey do update
            set captures = excluded.captures, definition_hash = excluded.definition_hash, mapping = excluded.mapping,
                wants_backfill = excluded.wants_backfill;
            """
    }

    private var triggers: [String] {
        Self.events.map { event in
            let isStatement = plan.capture == .statement || event == "truncate"
            let tables: String? =
                switch event {
                case "insert": "new table as new_rows"
                case "update": "old table as old_rows new table as new_rows"
                case "delete": "old table as old_rows"
                default: nil
                }
            var lines = ["create or replace trigger afterthought_\(event) after \(event) on \(plan.table)"]
            if isStatement, let tables { lines.append("    referencing \(tables)") }
            lines.append(
                "    for each \(isStatement ? "statement" : "row") "
                    + "execute function afterthought.\(plan.stem)_\(event)();")
            if plan.capture == .subscriber {
                lines.append("alter table \(plan.table) enable always trigger afterthought_\(event);")
            }
            return lines.joined(separator: "\n")
        }
    }
}

extension SHA256Text {
    /// All 64 hexadecimal digits.
    static func whole(_ text: String) -> String { SHA256.hexadecimal(text) }
}
