import Bytes
import CAssets

/// One embedded step of the schema: a file of `sql/migrations`, named `NNNN_name.sql`.
package struct Migration: Hashable, Sendable {
    /// The number its file starts with, 1 or more, increasing.
    package let version: Int
    /// What follows the number in the file's name.
    package let name: String
    /// The whole file.
    package let sql: String
    /// SHA-256 of the file, 64 lower-case hexadecimal digits.
    package let checksum: String

    package init(version: Int, name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
        checksum = SHA256.hexadecimal(sql)
    }

    /// Every migration of this build, in order of version.
    package static let all: [Migration] = (0..<afterthought_migration_count()).map { index in
        unsafe Migration(EmbeddedAsset(afterthought_migration_at(index)))  // Below the count, so within the list.
    }

    /// `sql/roles.sql`: group roles and their grants, applied on demand and again at will.
    package static var rolesSQL: String {
        // Safe because the asset is a constant of the binary.
        unsafe EmbeddedAsset(afterthought_roles_sql()).text
    }

    private init(_ asset: EmbeddedAsset) {
        let parts = asset.name.split(separator: "_", maxSplits: 1)
        guard parts.count == 2, let version = Int(parts[0]) else {
            preconditionFailure("expected a migration's name to be NNNN_name, got: \(asset.name)")
        }
        self.init(version: version, name: String(parts[1]), sql: asset.text)
    }
}

extension Migration: CustomStringConvertible {
    package var description: String {
        let digits = String(version)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "_" + name
    }
}
