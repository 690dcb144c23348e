import Bytes
import Postgres

/// The adapter in use.
package struct CurrentRetrievalAdapter: Statement {
    package static let name = "current_retrieval_adapter"
    package static let sql = "select version, dimensions, matrix from afterthought.retrieval_adapter_current"

    /// An adapter with its version.
    package struct Row: Sendable {
        package var version: Int64
        package var dimensions: Int
        package var matrix: [Float]
    }

    package init() {}

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        let dimensions: Int32 = try row.decode(1)
        return Row(version: try row.decode(0), dimensions: Int(dimensions), matrix: try row.decode(2))
    }
}

/// Takes the adapter in use out of use: another one follows in the same transaction.
package struct RetireRetrievalAdapter: Statement {
    package static let name = "retire_retrieval_adapter"
    package static let sql = """
        update afterthought.retrieval_adapters
        set retired_at = now()
        where retired_at is null
        returning version
        """

    package init() {}

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}

/// Puts an adapter into use.
package struct PromoteRetrievalAdapter: Statement {
    package static let name = "promote_retrieval_adapter"
    package static let sql = """
        insert into afterthought.retrieval_adapters (
            training_run_id, dimensions, matrix, trained_at, replaced_version, metrics)
        values ($1, $2, $3, $4, $5, $6::text::jsonb)
        returning version
        """

    var run: Int64
    var dimensions: Int
    /// Row by row.
    var matrix: [Float]
    var at: Timestamp
    /// The one that was in use until then.
    var replaced: Int64?
    var metrics: JSONValue

    package init(
        run: Int64, dimensions: Int, matrix: [Float], at: Timestamp, replaced: Int64?, metrics: JSONValue
    ) {
        self.run = run
        self.dimensions = dimensions
        self.matrix = matrix
        self.at = at
        self.replaced = replaced
        self.metrics = metrics
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(run)
        parameters.append(Int32(dimensions))
        parameters.append(matrix)
        parameters.append(at)
        parameters.append(replaced)
        parameters.append(metrics.text)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}
