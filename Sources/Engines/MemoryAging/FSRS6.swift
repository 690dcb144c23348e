import Glibc

/// FSRS-6: how difficult a memory is, how stable it is, and how likely it can be recalled.
///
/// With t days since the last review, stability S in days and decay = −w20:
///
///     R(t, S) = (1 + factor·t/S)^decay,   factor = 0.9^(1/decay) − 1        (so R(S, S) = 0.9)
///
///     first review:  S = w[grade−1],  D = w4 − e^(w5·(grade−1)) + 1
///     any review:    D′ = w7·D₀(easy) + (1 − w7)·(D − w6·(grade − 3)·(10 − D)/9)
///     same day:      S′ = S·g, g = e^(w17·(grade − 3 + w18))·S^−w19, at least 1 unless the grade is `again`
///     recalled:      S′ = S·(1 + e^w8·(11 − D)·S^−w9·(e^(w10·(1 − R)) − 1)·w15 if hard·w16 if easy)
///     forgotten:     S′ = min(w11·D^−w12·((S + 1)^w13 − 1)·e^(w14·(1 − R)), S/e^(w17·w18))
///
/// It is not a scheduler: nothing here says when to review. Reviews count whole days elapsed, as the published
/// scheduler does; retrievability takes fractions of a day.
///
/// Invariants: S ≥ `stabilityMin`, 1 ≤ D ≤ 10; finite for finite arguments.
/// Source: open-spaced-repetition, FSRS-6 (2025), as published in the package `fsrs` 6.3.
package struct FSRS6: Sendable {
    /// How a review went.
    package enum Grade: Int, CaseIterable, Sendable {
        case again = 1
        case hard = 2
        case good = 3
        case easy = 4
    }

    /// What is known of one memory: difficulty 1…10 and stability in days.
    package struct Memory: Equatable, Sendable {
        package var difficulty: Double
        package var stability: Double

        package init(difficulty: Double, stability: Double) {
            self.difficulty = difficulty
            self.stability = stability
        }
    }

    /// Days.
    package static let stabilityMin = 0.001
    package static let difficultyRange = 1.0...10.0

    /// The published default parameters w0…w20.
    package static let published = FSRS6(parameters: [
        0.212, 1.2931, 2.3065, 8.2956, 6.4133, 0.8334, 3.0194, 0.001, 1.8722, 0.1666, 0.796, 1.4835, 0.0614, 0.2629,
        1.6483, 0.6014, 1.8729, 0.5425, 0.0912, 0.0658, 0.1542,
    ])

    /// w0…w20.
    package let parameters: [Double]
    /// The exponent of the forgetting curve, negative.
    package let decay: Double
    /// What makes R(S, S) = 0.9, positive.
    package let factor: Double

    private let difficultyOfEasy: Double

    /// Takes a set of 21 parameters.
    ///
    /// - Parameter parameters: w0…w20, within the bounds that FSRS-6 states; w20 > 0.
    package init(parameters: [Double]) {
        precondition(parameters.count == 21, "expected 21 parameters, got: \(parameters.count)")
        precondition(parameters[20] > 0, "expected w20 to be positive, got: \(parameters[20])")
        self.parameters = parameters
        decay = -parameters[20]
        factor = pow(0.9, 1 / -parameters[20]) - 1
        difficultyOfEasy = parameters[4] - exp(parameters[5] * 3) + 1
    }

    /// The probability that a memory can be recalled.
    ///
    /// - Parameters:
    ///   - days: since the last review, fractions allowed; below 0 counts as 0.
    ///   - stability: days, positive.
    /// - Returns: 0…1, 1 at once and 0.9 after `stability` days.
    package func retrievability(days: Double, stability: Double) -> Double {
        pow(1 + factor * max(0, days) / stability, decay)
    }

    /// A memory after its first review.
    package func first(_ grade: Grade) -> Memory {
        let difficulty = parameters[4] - exp(parameters[5] * Double(grade.rawValue - 1)) + 1
        return Memory(
            difficulty: clamped(difficulty), stability: max(Self.stabilityMin, parameters[grade.rawValue - 1]))
    }

    /// A memory after one more review.
    ///
    /// - Parameters:
    ///   - memory: as the review before left it.
    ///   - days: since that review; whole days count, below 1 is the same day.
    ///   - grade: how this review went.
    /// - Returns: its new difficulty and stability.
    package func reviewed(_ memory: Memory, afterDays days: Double, grade: Grade) -> Memory {
        let wholeDays = max(0, days.rounded(.down))
        let stability: Double
        if wholeDays < 1 {
            stability = sameDayStability(memory.stability, grade: grade)
        } else {
            let recall = retrievability(days: wholeDays, stability: memory.stability)
            stability =
                grade == .again
                ? forgottenStability(memory, recall: recall)
                : recalledStability(memory, recall: recall, grade: grade)
        }
        return Memory(
            difficulty: nextDifficulty(memory.difficulty, grade: grade), stability: max(Self.stabilityMin, stability))
    }

    /// Only a review graded `again` makes a memory less stable on the same day.
    private func sameDayStability(_ stability: Double, grade: Grade) -> Double {
        let w = parameters
        let growth = exp(w[17] * (Double(grade.rawValue - 3) + w[18])) * pow(stability, -w[19])
        return stability * (grade == .again ? growth : max(1, growth))
    }

    private func recalledStability(_ memory: Memory, recall: Double, grade: Grade) -> Double {
        let w = parameters
        let weight = grade == .hard ? w[15] : grade == .easy ? w[16] : 1
        let growth =
            exp(w[8]) * (11 - memory.difficulty) * pow(memory.stability, -w[9]) * (exp((1 - recall) * w[10]) - 1)
        return memory.stability * (1 + growth * weight)
    }

    private func forgottenStability(_ memory: Memory, recall: Double) -> Double {
        let w = parameters
        let longTerm =
            w[11] * pow(memory.difficulty, -w[12]) * (pow(memory.stability + 1, w[13]) - 1)
            * exp((1 - recall) * w[14])
        return min(longTerm, memory.stability / exp(w[17] * w[18]))
    }

    private func nextDifficulty(_ difficulty: Double, grade: Grade) -> Double {
        let w = parameters
        let change = -w[6] * Double(grade.rawValue - 3)
        let damped = difficulty + (10 - difficulty) * change / 9
        return clamped(w[7] * difficultyOfEasy + (1 - w[7]) * damped)
    }

    private func clamped(_ difficulty: Double) -> Double {
        min(max(difficulty, Self.difficultyRange.lowerBound), Self.difficultyRange.upperBound)
    }
}
