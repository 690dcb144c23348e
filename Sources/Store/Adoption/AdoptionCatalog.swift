import Postgres

/// What the catalog says of the table that somebody names.
struct AdoptionRelation: Equatable, Sendable {
    var oid: Int64
    var schema: String
    var name: String
    /// As in `pg_class.relkind`.
    var kind: String
    /// As in `pg_class.relpersistence`.
    var persistence: String
    var isPartition: Bool
    /// Whether it inherits or is inherited from, other than by partitions.
    var hasInheritance: Bool
    /// Whether row-level security hides rows from the present role.
    var hidesRows: Bool
    /// Rows by the planner's statistics; below zero: never analysed.
    var rowsEstimated: Double
    /// Rights on the table that the present role lacks.
    var missingRights: [String]
    /// Whether the present role may act as the table's owner.
    var isOwned: Bool
    /// Whether the present role may act as the owner of the schema `afterthought`.
    var ownsSchema: Bool
    var schemaOwner: String
    var role: String

    /// As SQL names it.
    var sql: String { SQLText.identifier(schema) + "." + SQLText.identifier(name) }
}

/// Finds a table by its name as SQL would.
struct FindAdoptionRelation: Statement {
    static let name = "find_adoption_relation"
    static let sql = """
        select
            c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, c.relispartition,
            exists (
                select from pg_inherits as i
                join pg_class as child on child.oid = i.inhrelid
                where (i.inhparent = c.oid or i.inhrelid = c.oid) and not child.relispartition),
            row_security_active(c.oid), c.reltuples::float8,
            array(
                select p.privilege from unnest(array['SELECT', 'UPDATE', 'TRIGGER']) as p (privilege)
                where not has_table_privilege(c.oid, p.privilege)
            ),
            pg_has_role(c.relowner, 'USAGE'), pg_has_role(o.nspowner, 'USAGE'),
            pg_get_userbyid(o.nspowner)::text, current_user::text
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        join pg_namespace as o on o.nspname = 'afterthought'
        where c.oid = to_regclass($1)
        """

    var text: String

    func bind(to parameters: inout Parameters) { parameters.append(text) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> AdoptionRelation {
        AdoptionRelation(
            oid: try row.decode(0), schema: try row.decode(1), name: try row.decode(2), kind: try row.decode(3),
            persistence: try row.decode(4), isPartition: try row.decode(5), hasInheritance: try row.decode(6),
            hidesRows: try row.decode(7), rowsEstimated: try row.decode(8), missingRights: try row.decode(9),
            isOwned: try row.decode(10), ownsSchema: try row.decode(11), schemaOwner: try row.decode(12),
            role: try row.decode(13))
    }
}

/// A column of a table that may be adopted.
struct AdoptionColumn: Equatable, Sendable {
    var name: String
    /// The type's own name, that of the base type for a domain; `enum` for any enumeration.
    var type: String
    /// The type as people write it.
    var typeShown: String
    /// The type as SQL names it, whatever the search path.
    var typeSQL: String

    /// Whether it holds text.
    var isText: Bool { ["text", "varchar", "bpchar", "citext", "name"].contains(type) }
    /// Whether it holds whole numbers.
    var isInteger: Bool { ["int2", "int4", "int8"].contains(type) }
    /// Whether it holds numbers.
    var isNumber: Bool { isInteger || ["numeric", "float4", "float8"].contains(type) }

    /// As SQL names it, in a row called `n`.
    var sql: String { "n." + SQLText.identifier(name) }
}

/// Lists a table's columns.
struct ListAdoptionColumns: Statement {
    static let name = "list_adoption_columns"
    static let sql = """
        with recursive base as (
            select
                a.attnum, a.attname::text as attname, a.atttypid as type,
                format_type(a.atttypid, a.atttypmod) as shown
            from pg_attribute as a
            where a.attrelid = $1::int8::oid and a.attnum > 0 and not a.attisdropped
        ), resolved as (
            select b.attnum, b.type, 0 as depth from base as b
            union all
            select r.attnum, t.typbasetype, r.depth + 1
            from resolved as r join pg_type as t on t.oid = r.type and t.typtype = 'd'
        )
        select
            b.attname, case when t.typtype = 'e' then 'enum' else t.typname::text end, b.shown,
            quote_ident(n.nspname) || '.' || quote_ident(t.typname)
        from base as b
        join lateral (select r.type from resolved as r where r.attnum = b.attnum order by r.depth desc limit 1) as r
            on true
        join pg_type as t on t.oid = r.type
        join pg_namespace as n on n.oid = t.typnamespace
        order by b.attnum
        """

    var oid: Int64

    func bind(to parameters: inout Parameters) { parameters.append(oid) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> AdoptionColumn {
        AdoptionColumn(
            name: try row.decode(0), type: try row.decode(1), typeShown: try row.decode(2), typeSQL: try row.decode(3))
    }
}

/// Lists what tells a table's rows apart, best first: the primary key, then unique indexes over columns that are never
/// null.
struct ListAdoptionKeys: Statement {
    static let name = "list_adoption_keys"
    static let sql = """
        select array_agg(a.attname::text order by k.place)
        from pg_index as i
        cross join lateral unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
        left join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum and k.attnum > 0
        where i.indrelid = $1::int8::oid and i.indisunique and i.indisvalid and i.indpred is null
            and k.place <= i.indnkeyatts
        group by i.indexrelid, i.indisprimary
        having bool_and(a.attnotnull is true)
        order by i.indisprimary desc, count(*), i.indexrelid
        """

    var oid: Int64

    func bind(to parameters: inout Parameters) { parameters.append(oid) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> [String] { try row.decode(0) }
}

/// Which time zones the server knows: 1 if the given one is among them.
struct CountTimeZones: Statement {
    static let name = "count_time_zones"
    static let sql = "select count(*) from pg_timezone_names where name = $1"

    var zone: String

    func bind(to parameters: inout Parameters) { parameters.append(zone) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}

/// Names and texts inside SQL that is made at run time.
enum SQLText {
    /// A name in double quotes.
    static func identifier(_ name: String) -> String { "\"" + doubled(name, "\"") + "\"" }

    /// A text in single quotes, which reads the same whatever `standard_conforming_strings` is.
    static func literal(_ text: String) -> String {
        let quoted = "'" + doubled(text, "'") + "'"
        return text.utf8.contains(UInt8(ascii: "\\")) ? "E" + doubled(quoted, "\\") : quoted
    }

    /// A text between dollar quotes that do not occur in it.
    static func dollarQuoted(_ text: String, _ tag: String) -> String {
        var quote = "$" + tag + "$"
        while text.contains(quote) { quote = "$" + tag + "_" + quote.dropFirst() }
        return quote + text + quote
    }

    private static func doubled(_ text: String, _ character: Character) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            result.unicodeScalars.append(scalar)
            if Character(scalar) == character { result.unicodeScalars.append(scalar) }
        }
        return result
    }
}
