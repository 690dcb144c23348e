import Engines
import Worker

/// Fits the emotion model: for each of six emotions a logistic regression of naive-Bayes-scaled hashed n-grams.
///
/// On the official training part of the set. The point from which an emotion counts as shown is where its F1 is
/// largest on predictions of comments that were not fitted on: the development part's, and the training part's by
/// four models that left a fourth out.
enum EmotionFit: FitTask {
    static let name = "emotion"
    static let files = [EmotionComments.file]
    private static let bits = 17
    private static let folds = 4
    private static let asset = "Sources/CAssets/emotion/goemotions_ngrams.i8"

    static func run(_ data: DataFolder) throws {
        let comments = try EmotionComments(data)
        // The weights at hand are those that are to be replaced: they may be of another layout.
        let analyzer = TextAnalyzer.shippedWithoutModels(dimensions: 64)
        let training = comments.parts["train"] ?? []
        let choosing = comments.parts["dev"] ?? []
        var matrix = SparseRows(width: 1 << bits)
        var words: [UInt64: (count: Int, buckets: [UInt32])] = [:]
        for comment in training + choosing {
            let features = analyzer.emotionFeatures(of: comment.text, bits: bits)
            matrix.append(features.buckets)
            for word in features.words { words[word.hash, default: (0, word.buckets)].count += 1 }
        }
        var weights = [Double](repeating: 0, count: EmotionModel.kinds << bits)
        var biases: [Double] = []
        let fitted = Array(0..<training.count)
        let regression = LogisticRegression()
        for (place, kind) in EmotionComments.kinds.enumerated() {
            let isTrue = (training + choosing).map { $0.kinds.contains(kind) }
            let model = regression.fit(matrix, rows: fitted, isTrue: isTrue)
            var unseen = (0..<matrix.count).map { ($0 < training.count ? 0 : score(model, matrix, $0), isTrue[$0]) }
            for fold in 0..<folds {
                let rest = LogisticRegression(
                    penalty: regression.penalty * Double(folds - 1) / Double(folds), smoothing: regression.smoothing)
                let part = rest.fit(matrix, rows: fitted.filter { $0 % folds != fold }, isTrue: isTrue)
                for row in fitted where row % folds == fold { unseen[row].0 = score(part, matrix, row) }
            }
            let (threshold, best) = Self.threshold(unseen)
            progress("\(kind): F1 \(Figure.text(best)) on comments not fitted on, from \(Figure.text(threshold))")
            for bucket in 0..<1 << bits { weights[bucket * EmotionModel.kinds + place] = model[bucket] }
            biases.append(model[1 << bits] - threshold)
        }
        let frequent = words.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
            .prefix(EmotionModel.wordsMax).map { (hash: $0.key, buckets: $0.value.buckets) }
        try writeFile(
            asset, EmotionModel.bytes(bits: bits, weights: weights, biases: biases, words: frequent))
    }

    private static func score(_ model: [Double], _ matrix: SparseRows, _ row: Int) -> Double {
        matrix.dot(row, model) + model[matrix.width]
    }

    /// The score above which F1 is largest, and that F1.
    private static func threshold(_ scores: [Metrics.Prediction]) -> (threshold: Double, best: Double) {
        let sorted = scores.sorted { $0.probability > $1.probability }
        let positives = Double(sorted.count { $0.isTrue })
        var hits = 0.0
        var best = (threshold: 0.0, best: 0.0)
        for index in 0..<sorted.count - 1 {
            if sorted[index].isTrue { hits += 1 }
            let score = 2 * hits / (Double(index + 1) + positives)
            if score > best.best {
                best = ((sorted[index].probability + sorted[index + 1].probability) / 2, score)
            }
        }
        return best
    }
}
