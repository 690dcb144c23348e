import Glibc

/// Measures of predictions against what came true.
enum Metrics {
    /// A probability and what came true.
    typealias Prediction = (probability: Double, isTrue: Bool)

    /// Mean of −log p of what came true, in nats; probabilities are kept within 1e-6 of 0 and 1.
    static func logLoss(_ predictions: [Prediction]) -> Double {
        mean(predictions.map { -log(min(1 - 1e-6, max(1e-6, $0.isTrue ? $0.probability : 1 - $0.probability))) })
    }

    /// Mean squared difference between probability and outcome.
    static func brier(_ predictions: [Prediction]) -> Double {
        mean(predictions.map { ($0.probability - ($0.isTrue ? 1 : 0)) * ($0.probability - ($0.isTrue ? 1 : 0)) })
    }

    /// Expected calibration error: |mean probability − share of true| over bins of equal counts, weighted by counts.
    static func calibrationError(_ predictions: [Prediction], bins: Int = 10) -> Double {
        let sorted = predictions.sorted { $0.probability < $1.probability }
        var error = 0.0
        for bin in 0..<bins {
            let part = sorted[(sorted.count * bin / bins)..<(sorted.count * (bin + 1) / bins)]
            if part.isEmpty { continue }
            error += abs(part.reduce(0) { $0 + $1.probability - ($1.isTrue ? 1 : 0) })
        }
        return error / Double(sorted.count)
    }

    /// Area under the ROC curve: the chance that a true one scores above a false one, ties counting half.
    static func auc(_ predictions: [Prediction]) -> Double {
        let sorted = predictions.sorted { $0.probability < $1.probability }
        let positives = sorted.reduce(0) { $0 + ($1.isTrue ? 1 : 0) }
        guard positives > 0, positives < sorted.count else { return .nan }
        var rankSum = 0.0
        var index = 0
        while index < sorted.count {
            var end = index
            while end < sorted.count, sorted[end].probability == sorted[index].probability { end += 1 }
            let rank = Double(index + end + 1) / 2
            for place in index..<end where sorted[place].isTrue { rankSum += rank }
            index = end
        }
        let count = Double(positives)
        return (rankSum - count * (count + 1) / 2) / (count * Double(sorted.count - positives))
    }

    /// Mean over classes of F1, from (predicted, true) labels.
    static func macroF1(_ labels: [(predicted: Int, actual: Int)], classes: Int) -> Double {
        var hits = [Double](repeating: 0, count: classes)
        var predicted = hits
        var actual = hits
        for label in labels {
            predicted[label.predicted] += 1
            actual[label.actual] += 1
            if label.predicted == label.actual { hits[label.actual] += 1 }
        }
        let scores = (0..<classes).map { 2 * hits[$0] / max(1, predicted[$0] + actual[$0]) }
        return mean(scores)
    }

    /// Kendall's τ-b of paired values.
    static func kendall(_ pairs: [(Double, Double)]) -> Double {
        var agreement = 0.0
        var left = 0.0
        var right = 0.0
        for (index, one) in pairs.enumerated() {
            for other in pairs[..<index] {
                let first = (one.0 - other.0).signOrZero
                let second = (one.1 - other.1).signOrZero
                agreement += first * second
                left += first * first
                right += second * second
            }
        }
        return agreement / (left * right).squareRoot()
    }

    /// The mean; NaN of none.
    static func mean(_ values: [Double]) -> Double {
        values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
    }
}

extension Double {
    fileprivate var signOrZero: Double { self > 0 ? 1 : self < 0 ? -1 : 0 }
}
