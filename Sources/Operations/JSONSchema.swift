import Bytes

/// The shape of a JSON value, as JSON Schema 2020-12 writes it: what OpenAPI 3.1 describes answers with.
package indirect enum JSONSchema: Sendable {
    case string
    /// A text of at least one character without U+0000.
    case name(lengthMax: Int)
    /// A moment as RFC 3339 text.
    case moment
    case choice([String])
    case integer(minimum: Int64? = nil, maximum: Int64? = nil)
    case number
    case flag
    case null
    /// Any value; for what its own source describes, such as the signals of an engine.
    case anything
    case optional(JSONSchema)
    case array(JSONSchema)
    /// An object with these members, all of them always there; others only if it is open.
    case object([(name: String, schema: JSONSchema)], isOpen: Bool = false)

    /// The schema as JSON.
    package var json: JSONValue {
        func typed(_ type: String, _ more: [JSONMember] = []) -> JSONValue {
            .object([JSONMember(key: "type", value: .string(type))] + more)
        }
        switch self {
        case .string: return typed("string")
        case .name(let lengthMax):
            return typed(
                "string",
                [
                    JSONMember(key: "minLength", value: .number(JSONNumber(Int64(1)))),
                    JSONMember(key: "maxLength", value: .number(JSONNumber(Int64(lengthMax)))),
                    JSONMember(key: "pattern", value: .string("^[^\\u0000]+$")),
                ])
        case .moment: return typed("string", [JSONMember(key: "format", value: .string("date-time"))])
        case .choice(let values):
            return typed("string", [JSONMember(key: "enum", value: .array(values.map { .string($0) }))])
        case .integer(let minimum, let maximum):
            var bounds: [JSONMember] = []
            if let minimum { bounds.append(JSONMember(key: "minimum", value: .number(JSONNumber(minimum)))) }
            if let maximum { bounds.append(JSONMember(key: "maximum", value: .number(JSONNumber(maximum)))) }
            return typed("integer", bounds)
        case .number: return typed("number")
        case .flag: return typed("boolean")
        case .null: return typed("null")
        case .anything: return .object([])
        case .optional(let schema):
            return .object([JSONMember(key: "anyOf", value: .array([schema.json, JSONSchema.null.json]))])
        case .array(let element): return typed("array", [JSONMember(key: "items", value: element.json)])
        case .object(let members, let isOpen):
            return typed(
                "object",
                [
                    JSONMember(
                        key: "properties",
                        value: .object(members.map { JSONMember(key: $0.name, value: $0.schema.json) })),
                    JSONMember(key: "required", value: .array(members.map { .string($0.name) })),
                    JSONMember(key: "additionalProperties", value: .bool(isOpen)),
                ])
        }
    }
}
