import Bytes
import Glibc
import Model

/// How the user's reactions to turns that show a trait differ from those to the average turn.
///
/// y = a + Σ b_i x_i + ε with x_i the trait's intensity 0…1 and y the reaction in standard deviations; b_i ~ N(0,
/// τ²), ε ~ N(0, σ²). Only sums are kept, so the fit is exact whenever it is asked for: posterior mean A⁻¹c/σ² and
/// covariance A⁻¹ with A = C/σ² + I/τ², C and c the centred products. τ is averaged over a small grid by its marginal
/// likelihood (empirical Bayes: MacKay 1992), and the interval takes both spreads. A trait's effect is a_i·b, where
/// a_i is how the average turn weighted by the trait's intensity differs from the average turn: a single b_i is not
/// identified where traits exclude each other.
///
/// Invariants: O(k²) a reaction, k ≤ `Limits.traitsMax`; a trait that is new has had intensity 0 until now.
struct ReactionModel: Equatable, Sendable {
    static let scales = [0.15, 0.3, 0.6, 1.2]
    /// The scale with which predictions are made before each reaction.
    static let predictiveScale = 0.2
    /// Reactions before the first prediction that counts.
    static let predictFrom = 5
    /// Values of unit variance that the noise starts from.
    static let noisePriorCount = 3.0
    /// The scale at which the noise is told from the effects, and how often it is refined.
    static let noiseScale = 0.4
    static let noiseSteps = 3
    static let interval90 = 1.644854
    /// A contrast without a larger element says nothing.
    static let contrastMin = 1e-3

    /// The expected reaction to turns weighted by a trait's intensity less that to the average turn, in standard
    /// deviations.
    struct Effect: Equatable, Sendable {
        var mean: Double
        var low: Double
        var high: Double
    }

    private(set) var count = 0
    private var sumY = 0.0
    private var sumYY = 0.0
    private var sumX = [Double](repeating: 0, count: Limits.traitsMax)
    private var sumXY = [Double](repeating: 0, count: Limits.traitsMax)
    /// Row-major lower triangle, packed.
    private var sumXX = [Double](repeating: 0, count: Limits.traitsMax * (Limits.traitsMax + 1) / 2)
    /// Prequential comparison: squared error of the running mean less that of the model.
    private(set) var gainCount = 0
    private(set) var gainSum = 0.0
    private var gainSquares = 0.0

    init() {}

    /// Whether predictions made before each reaction beat the running mean: mean gain above zero at one-sided 5 %.
    var beatsMean: Bool {
        guard gainCount >= 30 else { return false }
        let n = Double(gainCount)
        let mean = gainSum / n
        let variance = max(0, gainSquares / n - mean * mean)
        return mean > 1.645 * (variance / n).squareRoot() && mean > 0
    }

    /// Takes in a reaction.
    ///
    /// - Parameters:
    ///   - y: the reaction, finite.
    ///   - x: intensities of the first traits, the others are 0.
    mutating func add(_ y: Double, traits x: [Double]) {
        if count >= Self.predictFrom {
            let mean = sumY / Double(count)
            let effects = fit(traits: x.count, scale: Self.predictiveScale).mean
            let moved = zip(effects, x).enumerated().reduce(0.0) { sum, next in
                sum + next.element.0 * (next.element.1 - sumX[next.offset] / Double(count))
            }
            let gain = (y - mean) * (y - mean) - (y - mean - moved) * (y - mean - moved)
            gainCount += 1
            gainSum += gain
            gainSquares += gain * gain
        }
        count += 1
        sumY += y
        sumYY += y * y
        for row in x.indices where x[row] != 0 {
            sumX[row] += x[row]
            sumXY[row] += x[row] * y
            for column in 0...row { sumXX[Self.place(row, column)] += x[row] * x[column] }
        }
    }

    /// Forgets a trait, so that another may take its place.
    mutating func forget(trait: Int) {
        sumX[trait] = 0
        sumXY[trait] = 0
        for other in 0..<Limits.traitsMax { sumXX[Self.place(max(trait, other), min(trait, other))] = 0 }
    }

    /// The effects of the first traits with 90 % intervals; nil for a trait that has never varied.
    func effects(traits: Int) -> [Effect?] {
        let noise = noise(traits: traits)
        let fits = Self.scales.map { fit(traits: traits, scale: $0, noise: noise) }
        let peak = fits.map(\.logEvidence).max() ?? 0
        let raw = fits.map { exp($0.logEvidence - peak) }
        let total = raw.reduce(0, +)
        return (0..<traits).map { trait in
            guard let contrast = contrast(of: trait, traits: traits) else { return nil }
            var mean = 0.0
            var second = 0.0
            for (fit, weight) in zip(fits, raw) {
                let estimate = zip(contrast, fit.mean).reduce(0.0) { $0 + $1.0 * $1.1 }
                let half = fit.factor.solve(contrast)
                let variance = zip(contrast, half).reduce(0.0) { $0 + $1.0 * $1.1 }
                mean += weight / total * estimate
                second += weight / total * (variance + estimate * estimate)
            }
            let deviation = max(0, second - mean * mean).squareRoot()
            return Effect(
                mean: mean, low: mean - Self.interval90 * deviation, high: mean + Self.interval90 * deviation)
        }
    }

    /// How the average turn weighted by a trait's intensity differs from the average turn, by trait; nil when it
    /// doesn't.
    func contrast(of trait: Int, traits: Int) -> [Double]? {
        guard count > 0, sumX[trait] > 0 else { return nil }
        let contrast = (0..<traits).map { other in
            sumXX[Self.place(max(trait, other), min(trait, other))] / sumX[trait] - sumX[other] / Double(count)
        }
        return contrast.contains { $0.magnitude > Self.contrastMin } ? contrast : nil
    }

    private struct Fit {
        var mean: [Double]
        var factor: Cholesky
        var logEvidence: Double
    }

    private static func place(_ row: Int, _ column: Int) -> Int { row * (row + 1) / 2 + column }

    /// The fit at one scale; where σ² is not given, all the reactions' variance, which can only be too cautious.
    private func fit(traits k: Int, scale: Double, noise known: Double? = nil) -> Fit {
        let noise = known ?? (Self.noisePriorCount + spread) / (Self.noisePriorCount + Double(count))
        var matrix = [Double](repeating: 0, count: k * (k + 1) / 2)
        var target = [Double](repeating: 0, count: k)
        for row in 0..<k {
            target[row] = centredXY(row) / noise
            for column in 0...row {
                let place = Self.place(row, column)
                matrix[place] = centredXX(row, column) / noise
                if row == column { matrix[place] = max(0, matrix[place]) + 1 / (scale * scale) }
            }
        }
        let factor = Cholesky(packed: matrix, size: k)
        let mean = factor.solve(target)
        let explained = zip(mean, target).reduce(0.0) { $0 + $1.0 * $1.1 }
        let logEvidence = 0.5 * explained - 0.5 * factor.logDeterminant - Double(k) * log(scale)
        return Fit(mean: mean, factor: factor, logEvidence: logEvidence)
    }

    /// σ² of what the traits leave unexplained: E[residual squares] of the posterior at `noiseScale` over the count
    /// (expectation maximisation), from the whole variance on.
    private func noise(traits k: Int) -> Double {
        var noise = (Self.noisePriorCount + spread) / (Self.noisePriorCount + Double(count))
        for _ in 0..<Self.noiseSteps {
            let fit = fit(traits: k, scale: Self.noiseScale, noise: noise)
            var residual = spread
            for row in 0..<k {
                var image = 0.0
                for column in 0..<k { image += centredXX(max(row, column), min(row, column)) * fit.mean[column] }
                residual += fit.mean[row] * (image - 2 * centredXY(row))
                var unit = [Double](repeating: 0, count: k)
                unit[row] = 1
                // tr(C·A⁻¹) by A = C/σ² + I/τ²: σ²·(1 − (A⁻¹)ᵢᵢ/τ²) a trait.
                residual += noise * (1 - fit.factor.solve(unit)[row] / (Self.noiseScale * Self.noiseScale))
            }
            noise = (Self.noisePriorCount + max(0, residual)) / (Self.noisePriorCount + Double(count))
        }
        return noise
    }

    /// Σ (y − ȳ)².
    private var spread: Double { max(0, sumYY - sumY * sumY / Double(max(count, 1))) }

    private func centredXY(_ row: Int) -> Double { sumXY[row] - sumX[row] * sumY / Double(max(count, 1)) }

    private func centredXX(_ row: Int, _ column: Int) -> Double {
        sumXX[Self.place(row, column)] - sumX[row] * sumX[column] / Double(max(count, 1))
    }

    func encode(traits k: Int, into writer: inout StateWriter) {
        writer.write(UInt64(count))
        writer.write(sumY)
        writer.write(sumYY)
        for row in 0..<k {
            writer.write(sumX[row])
            writer.write(sumXY[row])
            for column in 0...row { writer.write(sumXX[Self.place(row, column)]) }
        }
        writer.write(UInt64(gainCount))
        writer.write(gainSum)
        writer.write(gainSquares)
    }

    init(traits k: Int, from reader: inout StateReader) throws(StateError) {
        let sums = -1e14...1e14
        count = try reader.readTally()
        sumY = try reader.readDouble(in: sums)
        sumYY = try reader.readDouble(in: 0...1e14)
        for row in 0..<k {
            sumX[row] = try reader.readDouble(in: 0...1e14)
            sumXY[row] = try reader.readDouble(in: sums)
            for column in 0...row { sumXX[Self.place(row, column)] = try reader.readDouble(in: 0...1e14) }
        }
        gainCount = try reader.readTally()
        gainSum = try reader.readDouble(in: sums)
        gainSquares = try reader.readDouble(in: 0...1e16)
    }
}

/// The Cholesky factor of a small symmetric positive definite matrix.
struct Cholesky {
    private var factor: [Double]
    private let size: Int

    /// Factors a matrix given as its packed lower triangle; pivots that rounding made too small are lifted.
    init(packed: [Double], size: Int) {
        self.size = size
        factor = packed
        for row in 0..<size {
            for column in 0...row {
                var sum = factor[Self.place(row, column)]
                for inner in 0..<column { sum -= factor[Self.place(row, inner)] * factor[Self.place(column, inner)] }
                if row == column {
                    factor[Self.place(row, row)] = max(sum, 1e-9).squareRoot()
                } else {
                    factor[Self.place(row, column)] = sum / factor[Self.place(column, column)]
                }
            }
        }
    }

    var logDeterminant: Double { (0..<size).reduce(0.0) { $0 + 2 * log(factor[Self.place($1, $1)]) } }

    /// Solves for one right-hand side.
    func solve(_ right: [Double]) -> [Double] {
        var solution = right
        for row in 0..<size {
            for column in 0..<row { solution[row] -= factor[Self.place(row, column)] * solution[column] }
            solution[row] /= factor[Self.place(row, row)]
        }
        for row in (0..<size).reversed() {
            for below in row + 1..<max(size, row + 1) {
                solution[row] -= factor[Self.place(below, row)] * solution[below]
            }
            solution[row] /= factor[Self.place(row, row)]
        }
        return solution
    }

    private static func place(_ row: Int, _ column: Int) -> Int { row * (row + 1) / 2 + column }
}
