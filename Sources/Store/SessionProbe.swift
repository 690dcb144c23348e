import Postgres

/// Whether a session of the server is one client's alone, as a worker needs it.
///
/// A pooler in transaction mode lends its sessions to one client after another, with the settings that the last one
/// made. A worker's would reach the bots behind the same pooler, and theirs the worker.
package enum SessionProbe {
    /// Looks whether two connections that are open at the same time are served by one session.
    ///
    /// - Parameters:
    ///   - first: a connection outside a transaction.
    ///   - options: how it was made; a second one is, if a pooler is in between.
    /// - Returns: true only if sessions are shared. A pooler that hands them out in turn may go unnoticed.
    /// - Throws: `PostgresError`.
    package static func isShared(_ first: inout Connection, _ options: ConnectionOptions) throws -> Bool {
        let direct = try serverProcess(&first)
        guard direct != first.backendProcessID else { return false }
        var second = try Connection(options)
        let other = try serverProcess(&second)
        return isShared(promised: first.backendProcessID, first: direct, second: other)
    }

    /// What process numbers tell: the one that the connection was given, and those that answered two clients.
    static func isShared(promised: Int32, first: Int32, second: Int32) -> Bool {
        first != promised && first == second
    }

    private static func serverProcess(_ connection: inout Connection) throws -> Int32 {
        let rows = try connection.textRows("select pg_backend_pid()")
        return rows.first?.first.flatMap { $0.flatMap { Int32($0) } } ?? 0
    }
}
