import Bytes

/// What insights not yet applied come to for one user.
package struct PersonalitySum: Hashable, Sendable {
    /// Units a point: hundred-thousandths times the ten-thousandths of a weight.
    static let unitsPerPoint: Int64 = 1_000_000_000
    /// Ten-thousandths of a weight: 1.
    package static let weightOne: Int64 = 10_000

    /// Points by trait, in billionths.
    private(set) var units: [PersonalityTrait: Int64] = [:]
    /// How many insights it is the sum of.
    package private(set) var insights = 0

    package init() {}

    /// Adds one insight's adjustments.
    ///
    /// - Parameters:
    ///   - adjustments: in hundred-thousandths of a point, -100…100 points each.
    ///   - weight: in ten-thousandths, at most 10 either way.
    package mutating func add(_ adjustments: [PersonalityTrait: Int64], weight: Int64 = weightOne) {
        for (trait, points) in adjustments { units[trait, default: 0] += points * weight }
        insights += 1
    }
}

/// A user's Big Five in whole millionths of a point, so that what is added up is exact.
///
///     after = clamp(before + rate × sum of adjustments, 0…100)
package struct PersonalityProfile: Hashable, Sendable {
    /// How one trait moved.
    package struct Change: Hashable, Sendable {
        package var trait: PersonalityTrait
        /// Millionths of a point.
        package var before: Int64
        package var after: Int64
        /// Billionths of a point, before the rate and the bounds.
        package var sum: Int64
    }

    /// Millionths a point.
    package static let unitsPerPoint: Int64 = 1_000_000
    /// Of somebody nothing is known of: 50 points each.
    package static let start = PersonalityProfile(TraitValues(repeating: 50 * unitsPerPoint))

    /// Millionths of a point, 0…100 points.
    package private(set) var values: TraitValues

    package init(_ values: TraitValues) { self.values = values }

    /// Moves the traits that a sum names, rounding each to a millionth of a point, halves away from zero.
    ///
    /// - Parameters:
    ///   - sum: of adjustments that were not applied before.
    ///   - rateMillionths: the part of the sum that is applied.
    /// - Returns: how they moved, in the order of the traits; also those that a bound kept where they were.
    package mutating func apply(_ sum: PersonalitySum, rateMillionths: Int64) -> [Change] {
        PersonalityTrait.allCases.compactMap { trait in
            guard let units = sum.units[trait] else { return nil }
            // Billionths times millionths, to millionths.
            let scale = Int128(PersonalitySum.unitsPerPoint)
            let product = Int128(units) * Int128(rateMillionths)
            let moved = (product.magnitude + UInt128(scale / 2)) / UInt128(scale)
            let before = values[trait]
            let target = Int128(before) + (product < 0 ? -Int128(moved) : Int128(moved))
            values[trait] = Int64(min(max(target, 0), Int128(100 * Self.unitsPerPoint)))
            return Change(trait: trait, before: before, after: values[trait], sum: units)
        }
    }

    /// `{trait: {before, after, change, sum}}` in points.
    package static func json(_ changes: [Change]) -> JSONValue {
        func points(_ units: Int64, _ unitsPerPoint: Int64) -> JSONValue {
            .number(JSONNumber(Double(units) / Double(unitsPerPoint)))
        }
        return .object(
            changes.map { change in
                JSONMember(
                    key: change.trait.rawValue,
                    value: .object([
                        JSONMember(key: "before", value: points(change.before, unitsPerPoint)),
                        JSONMember(key: "after", value: points(change.after, unitsPerPoint)),
                        JSONMember(key: "change", value: points(change.after - change.before, unitsPerPoint)),
                        JSONMember(key: "sum", value: points(change.sum, PersonalitySum.unitsPerPoint)),
                    ]))
            })
    }
}
