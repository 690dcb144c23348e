import Postgres
import Store

/// The product's schema in a database of a test.
package enum Schema {
    /// Applies every migration that the database does not have yet.
    package static func apply(to connection: inout Connection) throws {
        _ = try Migrator.migrate(&connection)
    }
}
