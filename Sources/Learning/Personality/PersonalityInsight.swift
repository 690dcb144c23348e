import Bytes

/// What one row of insights says: points for traits, or why it says nothing.
package enum PersonalityInsight: Hashable, Sendable {
    /// Points a trait in hundred-thousandths; traits that are not named are not there.
    case adjustments([PersonalityTrait: Int64])
    /// The reason, free of content.
    case rejected(String)

    /// Points a trait, 0…100 being the whole scale.
    package static let pointsMax = 100.0
    /// Units a point.
    package static let unitsPerPoint = 100_000.0

    /// Reads `{trait: points}`.
    ///
    /// All of it counts or nothing: a row with one fault is rejected as a whole, so that nobody has to guess what of it
    /// was applied. Points are rounded to five decimals.
    ///
    /// - Parameter text: JSON.
    /// - Complexity: O(n) in the text.
    package init(parsing text: String) {
        guard let json = try? JSONValue(parsing: text) else {
            // jsonb is always JSON; what does not fit here is a number or a nesting without measure.
            self = .rejected("expected adjustments within the limits of JSON, got: a number or a nesting beyond them")
            return
        }
        guard let members = json.members else {
            self = .rejected("expected adjustments to be an object of traits, got: \(Self.kind(json))")
            return
        }
        if members.isEmpty {
            self = .rejected("expected adjustments of at least one trait, got: none")
            return
        }
        var points: [PersonalityTrait: Int64] = [:]
        for member in members {
            guard let trait = PersonalityTrait(rawValue: member.key) else {
                let names = PersonalityTrait.allCases.map(\.rawValue).joined(separator: ", ")
                self = .rejected("expected traits among \(names), got: another")
                return
            }
            guard let value = member.value.double, value.isFinite else {
                self = .rejected("expected \(trait.rawValue) to be a number, got: \(Self.kind(member.value))")
                return
            }
            guard value.magnitude <= Self.pointsMax else {
                self = .rejected("expected \(trait.rawValue) to be -100…100, got: a number beyond")
                return
            }
            points[trait] = Int64((value * Self.unitsPerPoint).rounded())
        }
        self = .adjustments(points)
    }

    private static func kind(_ json: JSONValue) -> String {
        switch json {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }
}
