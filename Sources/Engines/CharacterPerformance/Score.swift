import Model

/// One of a bot's scores and where a week's buckets have it from: given points win, what users did stands in.
struct Score {
    /// Its member in the series.
    var key: String
    var name: String
    var source: ScoreSource?
    /// The measure it is read from; nil when nothing supports it.
    var measure: String?
    /// Whether the score is one minus the measure.
    var isInverted = false

    /// Engagement, satisfaction, coherence and personality consistency, in this order.
    static func all(in window: [(hour: Int64, sums: BucketSums)]) -> [Score] {
        let proxies: [(key: String, measure: String?, isInverted: Bool)] = [
            ("e", CharacterMeasure.continuation, false), ("s", CharacterMeasure.replyPositivity, false),
            ("c", CharacterMeasure.retry, true), ("p", nil, false),
        ]
        return zip(CharacterMeasure.scores, proxies).map { name, proxy in
            var score = Score(key: proxy.key, name: name)
            if window.contains(where: { $0.sums[name].count > 0 }) {
                score.source = .given
                score.measure = name
            } else if let measure = proxy.measure, window.contains(where: { $0.sums[measure].count > 0 }) {
                score.source = .behavioural
                score.measure = measure
                score.isInverted = proxy.isInverted
            }
            return score
        }
    }

    /// The score's values in an hour and their total, in its own unit; nil when there is none.
    func sum(in sums: BucketSums) -> (count: Int64, total: Double)? {
        guard let measure, sums[measure].count > 0 else { return nil }
        let total = Double(sums[measure].total) / 1e6
        return (sums[measure].count, isInverted ? Double(sums[measure].count) - total : total)
    }

    func mean(in sums: BucketSums) -> Double? { sum(in: sums).map { $0.total / Double($0.count) } }
}
