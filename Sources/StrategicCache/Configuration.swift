import Glibc
import Postgres

extension StrategicCache {
    /// What a `StrategicCache` connects to and what it is bounded by.
    public struct Configuration: Sendable {
        /// The database, as a URL or in libpq's `key=value` form; nil leaves it to libpq's `PG*` variables.
        ///
        /// It must lead to one server: freshness is judged by what that server said a moment ago.
        public var url: String?
        /// How long a read may take at most, in milliseconds, connecting excluded because no read ever connects; 1…60
        /// 000.
        public var deadlineMilliseconds = 5
        /// Connections that reads share, 1…64; the background uses one more.
        public var poolSize = 2
        /// How old a last known row may be to stand in when the database does not answer, in seconds.
        public var staleSecondsMax = 86_400
        /// Rows kept in the process at most, 64…1 000 000: for hits, and as last known rows.
        ///
        /// A row takes a few kilobytes.
        public var lastKnownEntriesMax = 8_192
        /// Whether fresh rows are answered from the process without asking the database.
        public var servesHits = true
        /// Whether statements are prepared by name; false works through a transaction pooler.
        public var preparesStatements = true
        /// Whether workers' notifications end rows in the process early, on one more connection.
        ///
        /// Not through a transaction pooler, and not on a standby.
        public var listensForChanges = false
        /// Whether a stale read asks the worker to do the pair first.
        public var requestsRefresh = true
        /// The name that `pg_stat_activity` shows.
        public var applicationName = "afterthought-reader"
        /// Called after every read, on the thread that read; must not block.
        public var onRead: (@Sendable (ReadMetrics) -> Void)?

        /// Makes a configuration with the defaults.
        public init(url: String? = nil) { self.url = url }

        /// The configuration that the process's environment gives.
        ///
        /// `AFTERTHOUGHT_DATABASE_URL` or else `DATABASE_URL`, `AFTERTHOUGHT_READ_DEADLINE_MILLISECONDS`,
        /// `AFTERTHOUGHT_READ_POOL_SIZE`, `AFTERTHOUGHT_STALE_SECONDS_MAX`, `AFTERTHOUGHT_LAST_KNOWN_ENTRIES_MAX`,
        /// `AFTERTHOUGHT_PREPARED_STATEMENTS` (`on` or `off`). Values that can't be read fail when the cache is made.
        public static var environment: Configuration {
            let keys = ConnectionOptions.environmentKeys + Configuration.keys
            var found: [String: String] = [:]
            for key in keys { if let value = unsafe getenv(key) { found[key] = unsafe String(cString: value) } }
            return Configuration(environment: found)
        }

        /// The first fault found while reading variables, reported when the cache is made.
        var fault: ConfigurationError?

        private static let keys = [
            "AFTERTHOUGHT_READ_DEADLINE_MILLISECONDS", "AFTERTHOUGHT_READ_POOL_SIZE", "AFTERTHOUGHT_STALE_SECONDS_MAX",
            "AFTERTHOUGHT_LAST_KNOWN_ENTRIES_MAX", "AFTERTHOUGHT_PREPARED_STATEMENTS",
        ]

        init(environment: [String: String]) {
            url = ConnectionOptions.environmentKeys.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
            func number(_ key: String, _ current: Int) -> Int {
                guard let text = environment[key], !text.isEmpty else { return current }
                if let value = Int(text) { return value }
                fault = ConfigurationError(message: "expected \(key) to be a whole number, got: \(text)")
                return current
            }
            deadlineMilliseconds = number(Configuration.keys[0], deadlineMilliseconds)
            poolSize = number(Configuration.keys[1], poolSize)
            staleSecondsMax = number(Configuration.keys[2], staleSecondsMax)
            lastKnownEntriesMax = number(Configuration.keys[3], lastKnownEntriesMax)
            switch environment[Configuration.keys[4]] {
            case nil, "", "on": break
            case "off": preparesStatements = false
            case .some(let text):
                fault = ConfigurationError(message: "expected \(Configuration.keys[4]) to be on or off, got: \(text)")
            }
        }

        /// Checks the bounds and gives the options of a connection.
        func connectionOptions() throws(ConfigurationError) -> ConnectionOptions {
            if let fault { throw fault }
            let bounds: [(String, Int, ClosedRange<Int>)] = [
                ("deadlineMilliseconds", deadlineMilliseconds, 1...60_000), ("poolSize", poolSize, 1...64),
                ("staleSecondsMax", staleSecondsMax, 0...31_622_400),
                ("lastKnownEntriesMax", lastKnownEntriesMax, 64...1_000_000),
            ]
            for (name, value, range) in bounds where !range.contains(value) {
                throw ConfigurationError(
                    message: "expected \(name) to be \(range.lowerBound)…\(range.upperBound), got: \(value)")
            }
            do throws(PostgresError) {
                var options = try ConnectionOptions(url: url)
                options.applicationName = applicationName
                options.preparesStatements = preparesStatements
                options.connectTimeoutSeconds = 2
                options.tcpUserTimeoutMilliseconds = 2_000
                // Ends on the server what its reader no longer waits for. Through a transaction pooler the setting
                // would stay with a connection that others use.
                if preparesStatements { options.sessionSettings = [("statement_timeout", "2s")] }
                return options
            } catch {
                throw ConfigurationError(message: error.description)
            }
        }
    }
}

/// Why a cache can't be made of a configuration; never repeats a URL, which may hold a password.
public struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    /// What was expected, what was found, and what to do.
    public let message: String

    /// The message.
    public var description: String { message }
}
