import Bytes

/// Finds where each column of `messages` comes from.
struct AdoptionMapper {
    let columns: [AdoptionColumn]
    let options: AdoptionOptions
    /// What people should know beside the mapping.
    private(set) var remarks: [String] = []

    init(columns: [AdoptionColumn], options: AdoptionOptions) {
        self.columns = columns
        self.options = options
    }

    /// Finds the source of a column.
    ///
    /// - Parameter column: one of `messages`, not the external id.
    /// - Returns: where it comes from; nil when it may be null and nothing fills it.
    /// - Throws: `AdoptionError` when it must be filled and is not, or by something that can't be read.
    mutating func source(of column: ImportColumn) throws(AdoptionError) -> AdoptionSource? {
        if let given = options.sources[column] { return try named(given, column) }
        var unfit: AdoptionColumn?
        for name in AdoptionFields.names(of: column) {
            guard let candidate = columns.first(where: { AdoptionFields.normalized($0.name) == name }) else { continue }
            guard isFit(candidate, column) else {
                unfit = unfit ?? candidate
                continue
            }
            if column == .userID, name == "senderid" || name == "authorid" || name == "fromid" {
                remarks.append(
                    "`\(candidate.name)` must name the person also in rows that the bot wrote; else name another "
                        + "column with --map user_id=…")
            }
            return AdoptionSource(
                column: column, sql: sql(candidate, column), origin: origin(candidate, column),
                reason: "its name and type")
        }
        if let unfit {
            let message =
                "expected `\(unfit.name)`, which would be \(column.name), to be "
                + "\(AdoptionFields.expectedTypes(column)), got: \(unfit.typeShown)"
            if column.isRequired {
                throw AdoptionError(.unfit, message, hint: Self.hint(column))
            }
            remarks.append(message + "; it is left out")
        }
        if column.isRequired {
            let names = columns.map { "`\($0.name)`" }.joined(separator: ", ")
            throw AdoptionError(
                .unfit, "expected a column that is \(column.name), got: \(names)", hint: Self.hint(column))
        }
        return nil
    }

    private static func hint(_ column: ImportColumn) -> String {
        switch column {
        case .botName: "name it with --map bot_name=COLUMN, or the one bot of all rows with --map \"bot_name='Ada'\""
        case .role:
            "name it with --map role=COLUMN, and what its values mean with --role-values user=human,assistant=bot"
        case .createdAt:
            "name it with --map created_at=COLUMN; numbers also need --time-unit seconds or milliseconds"
        default: "name it with --map \(column.name)=COLUMN"
        }
    }

    private func named(_ given: String, _ column: ImportColumn) throws(AdoptionError) -> AdoptionSource {
        if given.utf8.first == UInt8(ascii: "'") { return try constant(given, column) }
        guard
            let found = columns.first(where: { $0.name == given })
                ?? columns.first(where: {
                    $0.name == given.lowercased()
                })
        else {
            let names = columns.map { "`\($0.name)`" }.joined(separator: ", ")
            throw AdoptionError(
                .usage, "expected `--map \(column.name)=…` to name a column, got: `\(given)`",
                hint: "the table has \(names); a constant goes in single quotes")
        }
        guard isFit(found, column) else {
            throw AdoptionError(
                .unfit,
                "expected `\(found.name)` to be \(AdoptionFields.expectedTypes(column)) for \(column.name), got: "
                    + found.typeShown, hint: Self.hint(column))
        }
        return AdoptionSource(
            column: column, sql: sql(found, column), origin: origin(found, column), reason: "named with --map")
    }

    private func constant(_ given: String, _ column: ImportColumn) throws(AdoptionError) -> AdoptionSource {
        let text = given.count >= 2 && given.hasSuffix("'") ? String(given.dropFirst().dropLast()) : ""
        let isRole = ["user", "assistant", "system"].contains(text)
        let isAllowed =
            column == .userID || column == .botName || column == .conversationID || column == .role && isRole
        guard isAllowed, (1...256).contains(text.utf8.count) else {
            throw AdoptionError(
                .usage,
                "expected a constant of 1…256 bytes for user_id, bot_name, conversation_id or a role, got: one "
                    + "for \(column.name)", hint: Self.hint(column))
        }
        return AdoptionSource(
            column: column, sql: SQLText.literal(text) + "::text collate \"C\"", origin: "the constant " + given,
            reason: "given with --map")
    }

    private func isFit(_ source: AdoptionColumn, _ column: ImportColumn) -> Bool {
        AdoptionFields.accepts(source, for: column, hasTimeUnit: options.timeUnitsASecond != nil)
    }

    private func origin(_ source: AdoptionColumn, _ column: ImportColumn) -> String {
        var text = "`\(source.name)` \(source.typeShown)"
        if column == .createdAt, source.type == "timestamp" || source.type == "date" {
            text += ", taken as \(options.timeZone)"
        }
        return text
    }

    /// The SQL of a column: nothing in it can fail, whatever the value.
    private func sql(_ source: AdoptionColumn, _ column: ImportColumn) -> String {
        let text = source.sql + "::text collate \"C\""
        return switch column {
        case .userID, .botName, .content, .externalID: text
        case .conversationID: "nullif(\(text), '')"
        case .role: roleSQL(source)
        case .createdAt: timeSQL(source)
        case .emotion, .embedding: source.sql
        }
    }

    private func roleSQL(_ source: AdoptionColumn) -> String {
        if source.type == "bool" {
            let whenTrue =
                options.roles["true"] ?? AdoptionFields.rolesWhenTrue[AdoptionFields.normalized(source.name)]
                ?? "assistant"
            let whenFalse = options.roles["false"] ?? (whenTrue == "user" ? "assistant" : "user")
            return "case \(source.sql) when true then '\(whenTrue)' when false then '\(whenFalse)' end collate \"C\""
        }
        let roles = AdoptionFields.roles.merging(options.roles) { $1 }
        let cases = ["user", "assistant", "system", "skip"].compactMap { role -> String? in
            let values = roles.filter { $0.value == role }.keys.sorted().map(SQLText.literal)
            return values.isEmpty
                ? nil : "when lower(btrim(\(source.sql)::text)) in (\(values.joined(separator: ", "))) then '\(role)'"
        }
        return "case \(cases.joined(separator: " ")) end collate \"C\""
    }

    private func timeSQL(_ source: AdoptionColumn) -> String {
        switch source.type {
        case "timestamptz": return source.sql
        case "timestamp", "date":
            // Beyond these the change of zone could fail; they are refused in any case.
            return "case when \(source.sql) between date '1969-12-30' and date '9999-12-30' then "
                + "(\(source.sql)::timestamp at time zone \(SQLText.literal(options.timeZone))) end"
        default:
            let units = options.timeUnitsASecond ?? 1
            return "case when \(source.sql) between 0 and \(253_402_300_799 * units)"
                + " then to_timestamp(\(source.sql)::float8 / \(units)) end"
        }
    }
}

/// A digest that names are made of.
enum SHA256Text {
    /// The first 16 hexadecimal digits.
    static func short(_ text: String) -> String { String(SHA256.hexadecimal(text).prefix(16)) }
}
