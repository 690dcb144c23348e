import Glibc

/// Logistic regression with a ridge on standardised inputs, by Newton's method.
///
///     minimise  Σ w · −log p(y | x) + ½ · ridge · Σ (b_j · sd_j)²    p = σ(x · b + offset)
///
/// The first input is 1 and its coefficient is free of the ridge.
struct RidgeLogistic {
    private(set) var inputs: [[Double]] = []
    private(set) var outcomes: [Double] = []
    private(set) var weights: [Double] = []
    private(set) var offsets: [Double] = []

    mutating func add(_ input: [Double], outcome: Bool, weight: Double, offset: Double = 0) {
        inputs.append(input)
        outcomes.append(outcome ? 1 : 0)
        weights.append(weight)
        offsets.append(offset)
    }

    /// The coefficients; of an input that never varies, 0.
    func fitted(ridge: Double, rounds: Int = 30) -> [Double] {
        let width = inputs[0].count
        let (means, deviations) = moments(width)
        let rows = inputs.map { row in
            (0..<width).map { $0 == 0 ? 1 : (row[$0] - means[$0]) / deviations[$0] }
        }
        var coefficients = [Double](repeating: 0, count: width)
        for _ in 0..<rounds {
            var gradient = coefficients.enumerated().map { $0 == 0 ? 0 : -ridge * $1 }
            var hessian = [[Double]](repeating: [Double](repeating: 0, count: width), count: width)
            for index in 1..<width { hessian[index][index] = ridge }
            hessian[0][0] = 1e-9
            for (index, row) in rows.enumerated() {
                var logit = offsets[index]
                for place in 0..<width { logit += coefficients[place] * row[place] }
                let probability = 1 / (1 + exp(-logit))
                let error = weights[index] * (outcomes[index] - probability)
                let curvature = weights[index] * probability * (1 - probability)
                for place in 0..<width {
                    gradient[place] += error * row[place]
                    let scaled = curvature * row[place]
                    for other in 0...place { hessian[place][other] += scaled * row[other] }
                }
            }
            let step = Self.solved(hessian, gradient)
            for place in 0..<width { coefficients[place] += step[place] }
            if (step.map { $0.magnitude }.max() ?? 0) < 1e-8 { break }
        }
        var result = zip(coefficients, deviations).map { $0 / $1 }
        for place in 1..<width { result[0] -= result[place] * means[place] }
        return result
    }

    private func moments(_ width: Int) -> (means: [Double], deviations: [Double]) {
        var means = [Double](repeating: 0, count: width)
        var deviations = [Double](repeating: 1, count: width)
        for place in 1..<width {
            means[place] = Metrics.mean(inputs.map { $0[place] })
            let variance = Metrics.mean(inputs.map { ($0[place] - means[place]) * ($0[place] - means[place]) })
            if variance > 1e-12 { deviations[place] = variance.squareRoot() }
        }
        return (means, deviations)
    }

    /// Solves H x = g for a positive definite H of which the lower triangle is given (Cholesky).
    private static func solved(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
        var lower = matrix
        var solution = right
        for row in lower.indices {
            for column in 0...row {
                var sum = lower[row][column]
                for place in 0..<column { sum -= lower[row][place] * lower[column][place] }
                lower[row][column] = row == column ? max(sum, 1e-12).squareRoot() : sum / lower[column][column]
            }
        }
        for row in lower.indices {
            for place in 0..<row { solution[row] -= lower[row][place] * solution[place] }
            solution[row] /= lower[row][row]
        }
        for row in lower.indices.reversed() {
            for place in (row + 1)..<max(row + 1, lower.count) { solution[row] -= lower[place][row] * solution[place] }
            solution[row] /= lower[row][row]
        }
        return solution
    }
}
