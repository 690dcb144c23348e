import Glibc

/// One labelled series of the Numenta Anomaly Benchmark.
struct NABSeries {
    var id: String
    var values: [Double]
    /// Places of the windows around anomalies, both ends included, ascending.
    var windows: [ClosedRange<Int>]
}

/// The Numenta Anomaly Benchmark's score with the standard profile, after Lavin and Ahmad 2015.
///
/// With σ(y) = 2/(1 + e^(5y)) − 1: the earliest alarm in a window gives σ(y)/σ(−1), y = −(places to the window's end,
/// itself included)/(its width), a window without one −1; every other alarm 0.11·σ(y), y = (places since the last
/// window)/(its width − 1), −0.11 before any window and where y > 3. The first 15 % of a series, of at most 5,000
/// values, teach and give no alarm. One threshold holds for all series, the one with the highest sum; then 0 is no
/// alarm at all and 100 an alarm at each window's start.
enum NABScore {
    static let falseAlarmWeight = 0.11
    static let probation = 0.15
    static let probationValuesMax = 5000

    /// The score at the best threshold, and that threshold: alarms are scores of at least it.
    ///
    /// With `thresholdMin`, thresholds below it are not tried.
    static func best(
        _ series: [NABSeries], scores: [[Double]], thresholdMin: Double = -.infinity
    ) -> (score: Double, threshold: Double) {
        var events: [Event] = []
        var windows = 0
        for (one, scores) in zip(series, scores) {
            append(one, scores: scores, firstWindow: windows, to: &events)
            windows += one.windows.count
        }
        events.sort { $0.score > $1.score }
        var hits = [Double?](repeating: nil, count: windows)
        var sum = -Double(windows)
        var best = (sum: sum, threshold: Double.infinity)
        for (place, event) in events.enumerated() where event.score >= thresholdMin {
            if let window = event.window {
                // The highest weight in a window is that of its earliest alarm; a hit undoes the −1 of a miss.
                let before = hits[window] ?? -1
                if hits[window] == nil || event.weight > before {
                    sum += event.weight - before
                    hits[window] = event.weight
                }
            } else {
                sum += event.weight
            }
            let isLastOfEqual = place + 1 == events.count || events[place + 1].score < event.score
            if isLastOfEqual, sum > best.sum { best = (sum, event.score) }
        }
        return (100 * (best.sum + Double(windows)) / (2 * Double(windows)), best.threshold)
    }

    private struct Event {
        var score: Double
        var weight: Double
        /// Counted over all series; nil outside of windows.
        var window: Int?
    }

    private static func sigmoid(_ y: Double) -> Double { y > 3 ? -1 : 2 / (1 + exp(5 * y)) - 1 }

    private static func append(_ one: NABSeries, scores: [Double], firstWindow: Int, to events: inout [Event]) {
        let start = Int(probation * Double(min(one.values.count, probationValuesMax)))
        var next = 0
        for place in one.values.indices {
            while next < one.windows.count, place > one.windows[next].upperBound { next += 1 }
            guard place >= start else { continue }
            var event = Event(score: scores[place], weight: -falseAlarmWeight)
            if next < one.windows.count, one.windows[next].contains(place) {
                let window = one.windows[next]
                event.window = firstWindow + next
                event.weight = sigmoid(-Double(window.upperBound - place + 1) / Double(window.count)) / sigmoid(-1)
            } else if next > 0 {
                let window = one.windows[next - 1]
                let past = Double(place - window.upperBound) / Double(max(1, window.count - 1))
                event.weight = falseAlarmWeight * sigmoid(past)
            }
            events.append(event)
        }
    }

    /// The scores of the benchmark's windowed Gaussian: one minus the normal tail beyond a value, by mean and deviation
    /// of up to 6,400 earlier values, which move on by 100.
    static func windowedGaussian(_ values: [Double]) -> [Double] {
        let widthMax = 6400
        let step = 100
        var scores: [Double] = []
        var from = 0
        var end = 0
        var mean = 0.0
        var deviation = 1.0
        for (place, value) in values.enumerated() {
            scores.append(place == 0 ? 0 : 1 - 0.5 * erfc(abs(value - mean) / deviation / 2.0.squareRoot()))
            guard place < widthMax || place + 1 - end == step else { continue }
            end = place + 1
            from = max(0, end - widthMax)
            let window = values[from..<end]
            mean = window.reduce(0, +) / Double(window.count)
            deviation = (window.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(window.count)).squareRoot()
            if deviation == 0 { deviation = 1e-6 }
        }
        return scores
    }
}
