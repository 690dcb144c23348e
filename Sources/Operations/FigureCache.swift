import Bytes
import Postgres
import Synchronization

/// Figures that cost more than a moment, kept for a minute: however many ask, the database is asked once.
final class FigureCache: Sendable {
    private let kept = Mutex<[String: (value: JSONValue, until: UInt64)]>([:])
    private let seconds: Double

    init(seconds: Double = 60) { self.seconds = seconds }

    /// A figure, as it was at most a minute ago.
    ///
    /// - Parameters:
    ///   - name: the figure's.
    ///   - make: asks the database. One that takes longer than a statement may is null, for as long.
    /// - Returns: the figure.
    /// - Throws: what `make` throws, but for statements that were ended.
    func value(_ name: String, _ make: () throws -> JSONValue) throws -> JSONValue {
        let now = Deadline.now
        if let found = kept.withLock({ $0[name] }), found.until > now { return found.value }
        var value = JSONValue.null
        do { value = try make() } catch let error as PostgresError {
            guard error.sqlState == "57014" else { throw error }
        }
        let until = now + UInt64(seconds * 1e9)
        let made = value
        kept.withLock { $0[name] = (made, until) }
        return value
    }
}
