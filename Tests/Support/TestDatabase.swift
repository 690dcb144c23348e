import Foundation
import Postgres
import Store
import Synchronization
import Testing

/// The database of one test case, cloned from the template and dropped at the test's end.
///
///     @Suite(.database) struct SomeTests {
///         @Test func works() throws {
///             var connection = try TestDatabase.current.connect()
///         }
///     }
package struct TestDatabase: Sendable {
    /// The database's name.
    package let name: String
    /// The cluster it is in.
    package let cluster: TestCluster

    /// The database of the test case that runs now; needs the `.database` trait.
    package static var current: TestDatabase {
        guard let database = scoped else {
            preconditionFailure("expected a test with the trait .database, got: none")
        }
        return database
    }

    @TaskLocal static var scoped: TestDatabase?

    /// Where the database is.
    package var url: String { cluster.url(database: name) }

    /// How to connect to it.
    package var options: ConnectionOptions {
        get throws { try ConnectionOptions(url: url) }
    }

    /// Makes a database the current one of other code, such as a thread of the test's own.
    package static func with<Result>(_ database: TestDatabase, _ body: () throws -> Result) rethrows -> Result {
        try $scoped.withValue(database, operation: body)
    }

    /// Connects to it.
    package func connect() throws -> Connection { try Connection(options) }
}

extension TestDatabase {
    private static let counter = Atomic<Int>(0)

    /// Clones the template.
    static func make() throws -> TestDatabase {
        let cluster = try TestCluster.shared
        let template = try TemplateDatabase.name.get()
        let name = "test_\(counter.add(1, ordering: .relaxed).newValue)"
        var connection = try cluster.connect()
        try connection.execute("create database \(name) template \(template)")
        return TestDatabase(name: name, cluster: cluster)
    }

    /// Drops the database; returns descriptions of connections the test left open.
    func remove() throws -> [String] {
        var connection = try cluster.connect()
        let activity = """
            select pid || ' ' || application_name || ': ' || state || ': ' || query from pg_stat_activity
            where datname = '\(name)' and backend_type = 'client backend'
            """
        var open: [String] = []
        // A server process outlives its closed connection for a moment.
        for _ in 0..<500 {
            open = try connection.textRows(activity).map { $0[0] ?? "" }
            if open.isEmpty { break }
            usleep(5_000)
        }
        try connection.execute("drop database \(name) with (force)")
        return open
    }
}

/// The database that tests are cloned from.
package enum TemplateDatabase {
    /// Fills the template, once a test process.
    package static let prepare: @Sendable (_ url: String) throws -> Void = { url in
        var connection = try Connection(ConnectionOptions(url: url))
        _ = try Migrator.migrate(&connection)
    }

    static let name = Result { () throws -> String in
        let cluster = try TestCluster.shared
        do {
            var connection = try cluster.connect()
            try connection.execute("create database template_afterthought")
        }
        try prepare(cluster.url(database: "template_afterthought"))
        return "template_afterthought"
    }
}

/// Gives each test case a database of its own and checks that it left no connection open.
package struct DatabaseTrait: SuiteTrait, TestTrait, TestScoping {
    package let isRecursive = true

    package func scopeProvider(for test: Test, testCase: Test.Case?) -> DatabaseTrait? {
        testCase == nil ? nil : self
    }

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let database = try TestDatabase.make()
        let result: Result<Void, any Error>
        do {
            try await TestDatabase.$scoped.withValue(database) { try await function() }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        let open = try database.remove()
        if !open.isEmpty { Issue.record("expected no connection left open, got: \(open.joined(separator: "; "))") }
        try result.get()
    }
}

extension Trait where Self == DatabaseTrait {
    /// A database of its own for each test case, as `TestDatabase.current`.
    package static var database: DatabaseTrait { DatabaseTrait() }
}
