import Model
import Postgres

/// Keeps what an evaluation found.
package struct SaveSignalQuality: Statement {
    package static let name = "save_signal_quality"
    package static let sql = """
        insert into afterthought.signal_quality
            (engine, metric, value, baseline_name, baseline, predictions, pairs, validated, engine_version, config_hash)
        select q.*, $9, $10
        from unnest(
            $1::text[], $2::text[], $3::float8[], $4::text[], $5::float8[], $6::bigint[], $7::bigint[], $8::boolean[]
        ) as q
        """

    /// One engine's figure.
    package struct Figure: Sendable {
        package var engine: EngineName
        package var metric: String
        package var value: Double?
        package var baselineName: String
        package var baseline: Double?
        package var predictions: Int64
        package var pairs: Int64
        package var isValidated: Bool?

        package init(
            engine: EngineName, metric: String, value: Double?, baselineName: String, baseline: Double?,
            predictions: Int64, pairs: Int64, isValidated: Bool?
        ) {
            self.engine = engine
            self.metric = metric
            self.value = value
            self.baselineName = baselineName
            self.baseline = baseline
            self.predictions = predictions
            self.pairs = pairs
            self.isValidated = isValidated
        }
    }

    var rows: [Figure]
    var identity: WorkerIdentity

    package init(rows: [Figure], identity: WorkerIdentity) {
        self.rows = rows
        self.identity = identity
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(rows.map(\.engine.rawValue))
        parameters.append(rows.map(\.metric))
        parameters.append(rows.map(\.value))
        parameters.append(rows.map(\.baselineName))
        parameters.append(rows.map(\.baseline))
        parameters.append(rows.map(\.predictions))
        parameters.append(rows.map(\.pairs))
        parameters.append(rows.map(\.isValidated))
        parameters.append(identity.engineVersion)
        parameters.append(identity.configHash)
    }
}
