/// The settings of a job as they stand in `job_settings`, all workers the same.
package struct JobSettings: Hashable, Sendable {
    /// By key, such as `CLUSTERING_MESSAGE_THRESHOLD`.
    package var values: [String: String]

    package init(_ values: [String: String] = [:]) { self.values = values }

    /// A whole number; the table's checks guarantee that a key of that kind has one.
    package func integer(_ key: String) -> Int {
        guard let value = values[key].flatMap({ Int($0) }) else {
            preconditionFailure("expected the setting \(key) to be a whole number, got: \(values[key] ?? "none")")
        }
        return value
    }

    /// A number.
    package func number(_ key: String) -> Double {
        guard let value = values[key].flatMap({ Double($0) }) else {
            preconditionFailure("expected the setting \(key) to be a number, got: \(values[key] ?? "none")")
        }
        return value
    }

    /// True or false.
    package func boolean(_ key: String) -> Bool {
        guard let value = values[key], value == "true" || value == "false" else {
            preconditionFailure("expected the setting \(key) to be true or false, got: \(values[key] ?? "none")")
        }
        return value == "true"
    }
}
