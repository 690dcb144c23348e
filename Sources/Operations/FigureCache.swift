import Bytes
import Postgres
import Synchronization

/// Figures that cost more than a moment, kept for ten minutes: however many ask, the database is asked once.
final class FigureCache: Sendable {
    private struct Figure {
        var value: JSONValue
        var until: UInt64
        var isBeingMade = false
    }

    private let kept = Mutex<[String: Figure]>([:])
    private let seconds: Double
    private let secondsAfterTimeout: Double

    /// - Parameters:
    ///   - seconds: how long a figure is kept.
    ///   - secondsAfterTimeout: how long nobody tries again after one that took too long.
    init(seconds: Double = 600, secondsAfterTimeout: Double = 3600) {
        self.seconds = seconds
        self.secondsAfterTimeout = secondsAfterTimeout
    }

    /// A figure, as it was at most ten minutes ago; older while another thread is about to make it anew.
    ///
    /// - Parameters:
    ///   - name: the figure's.
    ///   - make: asks the database. One that takes longer than a statement may is null, for an hour.
    /// - Returns: the figure; null while another thread makes the first one.
    /// - Throws: what `make` throws, but for statements that were ended.
    func value(_ name: String, _ make: () throws -> JSONValue) throws -> JSONValue {
        let now = Deadline.now
        let found: JSONValue? = kept.withLock { kept in
            if let figure = kept[name], figure.until > now || figure.isBeingMade { return figure.value }
            kept[name, default: Figure(value: .null, until: 0)].isBeingMade = true
            return nil
        }
        if let found { return found }
        var value = JSONValue.null
        var lifetime = seconds
        do { value = try make() } catch {
            guard (error as? PostgresError)?.sqlState == "57014" else {
                kept.withLock { $0[name]?.isBeingMade = false }
                throw error
            }
            lifetime = secondsAfterTimeout
        }
        let made = Figure(value: value, until: now + UInt64(lifetime * 1e9))
        kept.withLock { $0[name] = made }
        return value
    }
}
