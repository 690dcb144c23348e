import CLibPQ

/// Where and how to connect.
///
/// The database is named by a URL (`postgresql://…`) or by libpq's `key=value` form; what they leave open libpq takes
/// from `PG*` variables of the process and its own defaults.
///
/// Source: PostgreSQL manual, "Database Connection Control Functions".
package struct ConnectionOptions: Sendable {
    /// Variables that may hold the database's URL, first wins.
    package static let environmentKeys = ["AFTERTHOUGHT_DATABASE_URL", "DATABASE_URL"]

    /// Parameters of the URL, as libpq names them.
    private(set) var parameters: [(keyword: String, value: String)]

    /// Shown in `pg_stat_activity`; a name in the URL wins.
    package var applicationName = "afterthought"
    /// How long one connection attempt to one host may take, in seconds, 2 or more.
    package var connectTimeoutSeconds = 5
    /// How long sent data may stay unacknowledged before the connection counts as lost, in milliseconds.
    ///
    /// 0 leaves it to the system. It is not for Unix sockets.
    package var tcpUserTimeoutMilliseconds = 10_000
    /// Idle seconds after which the system probes the peer; not for Unix sockets.
    package var keepalivesIdleSeconds = 30
    /// Server settings made right after connecting, by name and value.
    package var sessionSettings: [(name: String, value: String)] = []
    /// Whether statements are prepared by name; false works through transaction poolers.
    package var preparesStatements = true

    /// Called before anything is sent; when it returns true the connection breaks there, as if the process had died.
    ///
    /// For tests alone: never set in production.
    package var breaksBeforeSending: (@Sendable () -> Bool)?

    /// Reads where to connect.
    ///
    /// - Parameters:
    ///   - url: a URL or `key=value` text; nil or empty to take `AFTERTHOUGHT_DATABASE_URL` or `DATABASE_URL`.
    ///   - environment: the variables to look those up in.
    /// - Throws: `misuse` when the text can't be read; the text itself is not repeated, it may hold a password.
    package init(url: String? = nil, environment: [String: String] = [:]) throws(PostgresError) {
        var text = url ?? ""
        for key in ConnectionOptions.environmentKeys where text.isEmpty { text = environment[key] ?? "" }
        parameters = try ConnectionOptions.parse(text)
    }

    private static func parse(_ text: String) throws(PostgresError) -> [(keyword: String, value: String)] {
        if text.isEmpty { return [] }
        guard !text.utf8.contains(0), let options = unsafe PQconninfoParse(text, nil) else {
            throw PostgresError(
                .misuse,
                "expected the database URL to be readable, got: a malformed one (not shown: it may hold a password)",
                hint: "write postgresql://user@host:5432/database, or host=… dbname=…; "
                    + "percent-encode special characters in a URL's password")
        }
        defer { unsafe PQconninfoFree(options) }
        var parameters: [(keyword: String, value: String)] = []
        var index = 0
        while let keyword = unsafe options[index].keyword {
            if let value = unsafe options[index].val {
                unsafe parameters.append((String(cString: keyword), String(cString: value)))
            }
            index += 1
        }
        return parameters
    }

    /// The value the URL gives a parameter; nil when it gives none.
    package subscript(keyword keyword: String) -> String? {
        get { parameters.last { $0.keyword == keyword }?.value }
        set {
            parameters.removeAll { $0.keyword == keyword }
            if let newValue { parameters.append((keyword, newValue)) }
        }
    }

    /// What libpq is given: the URL's parameters, then ours where the URL says nothing.
    var effectiveParameters: [(keyword: String, value: String)] {
        var all = parameters
        func add(_ keyword: String, _ value: String) {
            if !all.contains(where: { $0.keyword == keyword }) { all.append((keyword, value)) }
        }
        add("application_name", applicationName)
        add("connect_timeout", String(max(2, connectTimeoutSeconds)))
        if tcpUserTimeoutMilliseconds > 0 { add("tcp_user_timeout", String(tcpUserTimeoutMilliseconds)) }
        if keepalivesIdleSeconds > 0 {
            add("keepalives_idle", String(keepalivesIdleSeconds))
            add("keepalives_interval", "5")
            add("keepalives_count", "3")
        }
        // Decoders rely on it, so it is not the URL's to choose.
        all.removeAll { $0.keyword == "client_encoding" }
        all.append(("client_encoding", "UTF8"))
        return all
    }

    /// Where the options lead, for people: without password, and without anything that may be secret.
    package var redactedDescription: String {
        let shown = ["host", "hostaddr", "port", "dbname", "user", "service", "target_session_attrs", "sslmode"]
        let parts = shown.compactMap { keyword in self[keyword: keyword].map { "\(keyword)=\($0)" } }
        return parts.isEmpty ? "libpq's defaults (PG* variables)" : parts.joined(separator: " ")
    }
}

extension ConnectionOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { redactedDescription }
    package var debugDescription: String { redactedDescription }
    package var customMirror: Mirror { Mirror(self, children: ["connection": redactedDescription]) }
}
