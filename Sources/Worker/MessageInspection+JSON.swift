import Bytes
import Store

extension MessageInspection.Result {
    /// What was found, for programs; without the text itself.
    package var json: JSONValue {
        get throws {
            func number(_ value: Double?) -> JSONValue { value.map { .number(JSONNumber($0)) } ?? .null }
            func whole(_ value: Int64?) -> JSONValue { value.map { .number(JSONNumber($0)) } ?? .null }
            func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
            return .object([
                JSONMember(key: "message_id", value: whole(finding.id)),
                JSONMember(key: "concepts", value: try JSONValue(parsing: finding.concepts.text)),
                JSONMember(key: "emotion", value: try JSONValue(parsing: finding.emotion.text)),
                JSONMember(key: "dominant_emotion", value: text(finding.dominantEmotion)),
                JSONMember(key: "valence", value: number(finding.valence)),
                JSONMember(key: "arousal", value: number(finding.arousal)),
                JSONMember(key: "switch_probability", value: number(finding.switchProbability)),
                JSONMember(key: "is_switch", value: finding.isSwitch.map { .bool($0) } ?? .null),
                JSONMember(key: "topic", value: text(finding.topic)),
                JSONMember(key: "cluster_id", value: whole(clusterID)),
                JSONMember(key: "null_reason", value: text(finding.nullReason)),
            ])
        }
    }
}
