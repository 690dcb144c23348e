import Bytes

@testable import Operations

extension EndpointServices {
    /// Nothing behind the endpoint.
    static let none = EndpointServices(
        runJob: { _, _ in JobOutcome(id: 1, state: nil, error: nil, metadata: []) }, wakeJobs: {},
        analyzeMessage: { _, _ in nil }, metrics: { "" },
        figures: {
            Figures(messages: 7, parts: [Figures.Part(name: "text", batches: 2, seconds: 0.5, nullRatio: 0.25)])
        }, signals: ["topic_drift", "quality_trend"],
        explain: { column, user, bot, _ in
            switch user {
            case "u1": .found(json: explanation(of: column, bot: bot))
            case "behind": .busy
            default: .noPair
            }
        },
        worker: { WorkerState(secondsSinceProgress: nil, fault: nil, runsJobs: false) }, log: { _ in })

    private static func explanation(of column: String, bot: String) -> String {
        """
        {"view": "\(bot)", "column": "\(column)", "engine": "memory_aging", "meaning": null, "formula": "a",
        "method": "b", "value": 0.5,
        "recomputed": 0.5, "equal": true, "null_reason": null, "validated": true, "engine_version": 4,
        "config_hash": "c", "computed_at": "2026-01-01T00:00:00Z", "inputs": [{"stream": "messages", "id": 1}]}
        """
    }
}

extension JSONSchema {
    /// What in a value is not of this shape, with where it is.
    func faults(_ value: JSONValue, at place: String = "$") -> [String] {
        func expect(_ holds: Bool, _ what: String) -> [String] { holds ? [] : ["\(place): expected \(what)"] }
        switch self {
        case .string: return expect(value.string != nil, "a string")
        case .name(let lengthMax):
            return expect((1...lengthMax).contains(value.string?.unicodeScalars.count ?? 0), "a name")
        case .moment: return expect((try? value.string.map { try Timestamp(text: $0) }) != nil, "a moment")
        case .choice(let values): return expect(values.contains(value.string ?? ""), "one of \(values)")
        case .integer(let minimum, let maximum):
            guard let number = value.int64 else { return expect(false, "an integer") }
            return expect(number >= minimum ?? .min && number <= maximum ?? .max, "an integer in its range")
        case .number: return expect(value.double != nil, "a number")
        case .flag: return expect(value.bool != nil, "true or false")
        case .null: return expect(value.isNull, "null")
        case .anything: return []
        case .optional(let schema): return value.isNull ? [] : schema.faults(value, at: place)
        case .array(let element):
            guard let elements = value.array else { return expect(false, "an array") }
            return elements.enumerated().flatMap { element.faults($0.element, at: "\(place)[\($0.offset)]") }
        case .object(let members, let isOpen):
            guard let found = value.members else { return expect(false, "an object") }
            let names = Set(members.map(\.name))
            var faults: [String] = []
            for (name, schema) in members {
                guard let member = value[name] else {
                    faults.append("\(place).\(name): expected it to be there")
                    continue
                }
                faults += schema.faults(member, at: "\(place).\(name)")
            }
            if !isOpen { faults += found.filter { !names.contains($0.key) }.map { "\(place).\($0.key): unexpected" } }
            return faults
        }
    }
}
