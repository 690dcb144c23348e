import Glibc

/// Where the level of a series of residuals changed.
package struct ChangePoint: Equatable, Sendable {
    /// The first value of the new level.
    package var start: Int
    /// The highest probability that any moment gave to it, 0…1.
    package var probability: Double
    /// Whether the values after it are higher.
    package var isUp: Bool
}

/// Bayesian online change-point detection on residuals of unit scale.
///
/// Run lengths r with P(r_t | x_1…t) by the recursion of Adams and MacKay 2007, a constant hazard, and a normal model
/// whose mean and variance are unknown (normal–gamma prior, Student t predictive); the variance is known to be near
/// 1, the residuals' scale. A change is reported when the runs that began 3…12 values ago together pass
/// `probabilityMin`, at the likeliest of these beginnings. The whole series is also cut by `LevelSegments`, which dates
/// older changes better and tells correlated noise from levels; its changes win over those less than `runMax` away.
///
/// Invariants: deterministic; fewer than `warmUp` values give none. Prior, hazard and threshold were set by
/// simulation, so that a stationary week of hours gives at most 0.05 reports (normal, Student t with 3 degrees,
/// exponential and rare binary values).
package enum ChangePoints {
    static let hazard = 1.0 / 1000
    static let meanWeight = 0.05
    static let shape = 50.0
    static let probabilityMin = 0.88
    static let warmUp = 24
    static let runMin = 3
    static let runMax = 12

    /// What is known of the values since a supposed change.
    private struct Run {
        var logProbability: Double
        var mean: Double
        var weight: Double
        var shape: Double
        var rate: Double

        /// The logarithm of the Student t predictive density.
        func logDensity(_ x: Double) -> Double {
            let scale = rate * (weight + 1) / (shape * weight)
            let degrees = 2 * shape
            let distance = (x - mean) * (x - mean) / (degrees * scale)
            return ChangePoints.logGammaRatio(shape) - 0.5 * log(Double.pi * degrees * scale)
                - (degrees + 1) / 2 * log(1 + distance)
        }

        func after(_ x: Double, logProbability: Double) -> Run {
            Run(
                logProbability: logProbability, mean: (weight * mean + x) / (weight + 1), weight: weight + 1,
                shape: shape + 0.5, rate: rate + weight * (x - mean) * (x - mean) / (2 * (weight + 1)))
        }
    }

    /// Finds the changes in a series.
    ///
    /// - Parameter values: residuals of about unit scale, bounded.
    /// - Returns: changes in order of time, at least `runMax` values apart.
    /// - Complexity: O(n²).
    package static func find(_ values: [Double]) -> [ChangePoint] {
        guard values.count >= warmUp else { return [] }
        var found: [ChangePoint] = []
        for (start, logOdds) in LevelSegments.changes(values) {
            found.append(
                ChangePoint(start: start, probability: 1 / (1 + exp(-logOdds)), isUp: isUp(values, at: start)))
        }
        // What is fresher than a stretch can be, or brief, only the run lengths tell.
        for change in online(values) where !found.contains(where: { abs($0.start - change.start) < runMax }) {
            found.append(change)
        }
        return found.sorted { $0.start < $1.start }
    }

    /// Whether the next values are higher than the last ones.
    private static func isUp(_ values: [Double], at start: Int) -> Bool {
        let before = values[max(0, start - runMax)..<start]
        let after = values[start..<min(values.count, start + runMax)]
        return after.reduce(0, +) / Double(after.count) > before.reduce(0, +) / Double(before.count)
    }

    /// Changes as they show in the course of time, by run lengths.
    private static func online(_ values: [Double]) -> [ChangePoint] {
        let fresh = Run(logProbability: 0, mean: 0, weight: meanWeight, shape: shape, rate: shape)
        var runs = [fresh]
        var found: [ChangePoint] = []
        for (time, value) in values.enumerated() {
            let joint = runs.map { $0.logProbability + $0.logDensity(value) }
            let evidence = logSum(joint)
            var next = [fresh]
            next[0].logProbability = log(hazard)
            for (run, probability) in zip(runs, joint) {
                next.append(run.after(value, logProbability: probability - evidence + log(1 - hazard)))
            }
            runs = next
            guard time >= warmUp else { continue }
            note(runs, time: time, values: values, into: &found)
        }
        return found
    }

    private static func note(_ runs: [Run], time: Int, values: [Double], into found: inout [ChangePoint]) {
        let lengths = runMin...min(runMax, runs.count - 1)
        let probability = min(1, lengths.reduce(0) { $0 + exp(runs[$1].logProbability) })
        guard probability >= probabilityMin else { return }
        let length = lengths.max { runs[$0].logProbability < runs[$1].logProbability } ?? runMin
        let start = time + 1 - length
        if let last = found.last, start - last.start < runMax {
            if probability > last.probability { found[found.count - 1].probability = probability }
            return
        }
        let from = found.last?.start ?? 0
        let before = values[from..<start].reduce(0, +) / Double(max(1, start - from))
        found.append(ChangePoint(start: start, probability: probability, isUp: runs[length].mean > before))
    }

    /// ln Γ(a + ½) − ln Γ(a) by Stirling's series; exact to 1e-10 for a ≥ 5.
    fileprivate static func logGammaRatio(_ a: Double) -> Double {
        stirling(a + 0.5) - stirling(a)
    }

    private static func stirling(_ a: Double) -> Double {
        let inverse = 1 / a
        let square = inverse * inverse
        return (a - 0.5) * log(a) - a + inverse * (1.0 / 12 - square * (1.0 / 360 - square / 1260))
    }

    private static func logSum(_ logs: [Double]) -> Double {
        let peak = logs.max() ?? 0
        return peak + log(logs.reduce(0) { $0 + exp($1 - peak) })
    }
}
