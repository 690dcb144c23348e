/// A trait of the Big Five, named as in the columns of `user_personality_profiles`.
package enum PersonalityTrait: String, CaseIterable, Sendable {
    case openness, conscientiousness, extraversion, agreeableness, neuroticism
}

/// One whole number for each trait, in the order of `PersonalityTrait.allCases`.
package struct TraitValues: Hashable, Sendable {
    private var values: [Int64]

    package init(repeating value: Int64) { values = Array(repeating: value, count: PersonalityTrait.allCases.count) }

    package subscript(trait: PersonalityTrait) -> Int64 {
        get { values[PersonalityTrait.allCases.firstIndex(of: trait)!] }
        set { values[PersonalityTrait.allCases.firstIndex(of: trait)!] = newValue }
    }
}
