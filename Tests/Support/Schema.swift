import Foundation
import Postgres

/// The product's schema, applied from `sql/migrations` to a database that does not have it yet.
package enum Schema {
    /// Applies every migration in order, unless the database was cloned from a migrated template.
    package static func apply(to connection: inout Connection) throws {
        let known = try connection.textRows("select to_regclass('afterthought.strategic_memory_health')")
        if known[0][0] != nil { return }
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../sql/migrations").standardizedFileURL
        try connection.execute("create schema if not exists afterthought")
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        where file.hasSuffix(".sql") {
            try connection.execute(try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8))
        }
    }
}
