import Bytes
import Glibc
import Model

/// What one pair adds to its bot's hourly buckets; `CharacterPerformance.evaluate` turns a bot's buckets into its row.
///
/// In: messages, metric points, trait activations. Out: `contributions`, hour → measure → (n, Σ, Σ²) in integer
/// millionths.
///
/// Invariants: the contributions are a pure function of the pair's rows, so that a bot's buckets are exactly the sum
/// over its pairs whatever the order of batches. Only the newest `Limits.bucketHoursMax` hours before the pair's own
/// newest are kept (and at most `cellsMax` measures in all, oldest hours withdrawn first), beside the long-run sums
/// of traits. Metric values that are not finite are refused, others bounded by `BucketSums.valueMax`; intensities are
/// bounded by 0…1. It has no columns of its own in a pair's row.
package struct CharacterContributionEngine: Engine {
    package static let name = EngineName.characterPerformance
    /// Measures over all hours that a pair keeps.
    package static let cellsMax = 640
    /// Given metric names besides the four scores that a pair keeps at a time.
    package static let otherMetricsMax = 8
    private static let styleMeasures = StyleTraits.names.map { CharacterMeasure.stylePrefix + $0 }
    /// Measures that one hour can hold: scores, other metrics, behaviour, traits, style.
    static let cellsAnHourMax =
        4 + otherMetricsMax + CharacterMeasure.behavioural.count + Limits.traitsMax + StyleTraits.names.count

    /// What the pair gives to its bot's buckets now.
    package internal(set) var contributions = BotContributions()
    var newestHour: Int64?
    var hasGivenTraits = false
    /// Prefixed names of other metrics in use.
    var otherMetrics: [String] = []
    /// The hour of the bot's turn that no user message has answered yet.
    var openTurnHour: Int64?
    var session: Session?
    /// The last day (UTC) on which the user wrote, and the hour of the first message on it.
    var lastDay: Int64?
    var lastDayHour: Int64 = 0

    struct Session: Equatable, Sendable {
        var index: Int
        var hour: Int64
        var messages: Int
        var previousUser: MessageGist?
    }

    package init() {}

    package mutating func apply(_ observation: Observation) {
        let at = observation.at.reckoned
        switch observation.row.event {
        case .metric(let point):
            advance(to: at.hourIndex)
            add(point, at: at.hourIndex)
        case .trait(let activation):
            advance(to: at.hourIndex)
            add(activation, at: at.hourIndex)
        case .message(let message):
            guard message.role != .system else { return }
            advance(to: at.hourIndex)
            enterSession(observation.session.index, hour: at.hourIndex)
            if message.role == .user {
                addUserMessage(observation, at: at)
            } else {
                addBotMessage(observation, hour: at.hourIndex)
            }
        case .retrieval, .outreach: break
        }
    }

    package func contribute(to row: inout StrategicRow, topics: TopicTracker) {}

    /// Moves the window on and withdraws what falls out of it.
    private mutating func advance(to hour: Int64) {
        guard newestHour.map({ hour > $0 }) ?? true else { return }
        newestHour = hour
        let hours = contributions.keys.filter { $0 != BotContributions.longRun }
        var cells = hours.reduce(0) { $0 + contributions[$1].measures.count }
        for old in hours {
            let isOut = old <= hour - Int64(Limits.bucketHoursMax)
            guard isOut || cells > Self.cellsMax - Self.cellsAnHourMax else { break }
            cells -= contributions[old].measures.count
            contributions[old] = BucketSums()
        }
        if otherMetrics.count == Self.otherMetricsMax {
            let used = contributions
            otherMetrics.removeAll { name in !used.buckets.values.contains { $0[name].count > 0 } }
        }
    }

    private mutating func add(_ point: MetricPoint, at hour: Int64) {
        if CharacterMeasure.scores.contains(point.metric) {
            contributions.add(point.value, to: point.metric, squares: true, at: hour)
            return
        }
        guard point.value.isFinite else { return }
        let name = CharacterMeasure.metricPrefix + CharacterMeasure.bounded(point.metric)
        if !otherMetrics.contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
            guard otherMetrics.count < Self.otherMetricsMax else { return }
            otherMetrics.append(name)
        }
        contributions.add(point.value, to: name, squares: true, at: hour)
    }

    private mutating func add(_ activation: TraitActivation, at hour: Int64) {
        guard activation.intensity.isFinite else { return }
        hasGivenTraits = true
        let name = CharacterMeasure.traitPrefix + CharacterMeasure.bounded(activation.trait)
        let longRun = contributions[BotContributions.longRun]
        let known = longRun.measures.count { $0.name.utf8.starts(with: CharacterMeasure.traitPrefix.utf8) }
        guard longRun[name].count > 0 || known < Limits.traitsMax else { return }
        let intensity = min(max(activation.intensity, 0), 1)
        contributions.add(intensity, to: name, at: hour)
        contributions.add(intensity, to: name, at: BotContributions.longRun)
    }

    private mutating func enterSession(_ index: Int, hour: Int64) {
        if session?.index != index {
            session = Session(index: index, hour: hour, messages: 0)
            openTurnHour = nil
        }
        guard let current = session else { return }
        session?.messages += 1
        let before = Int64(min(current.messages, Int(BucketSums.valueMax)))
        if before == 0 {
            contributions.add(1, to: CharacterMeasure.sessionMessages, squares: true, at: hour)
        } else if before < Int64(BucketSums.valueMax) {
            raise(
                CharacterMeasure.sessionMessages, at: current.hour,
                by: MeasureSum(total: 1_000_000, totalOfSquares: (2 * before + 1) * 1_000_000))
        }
    }

    private mutating func addUserMessage(_ observation: Observation, at: Timestamp) {
        let hour = at.hourIndex
        if let turnHour = openTurnHour {
            openTurnHour = nil
            raise(CharacterMeasure.continuation, at: turnHour, by: MeasureSum(total: 1_000_000))
            if let previous = observation.previous {
                let seconds = max(0, at.seconds(since: previous.at.reckoned))
                contributions.add(log(1 + seconds), to: CharacterMeasure.replyLatency, squares: true, at: hour)
            }
            if let valence = observation.analysis?.emotion.valence {
                let positivity = (1 + min(max(valence, -1), 1)) / 2
                contributions.add(positivity, to: CharacterMeasure.replyPositivity, squares: true, at: hour)
            }
        }
        if let analysis = observation.analysis { addRetry(MessageGist(analysis), at: hour) }
        addDay(at.dayIndex, hour: hour)
    }

    private mutating func addRetry(_ gist: MessageGist, at hour: Int64) {
        if let earlier = session?.previousUser, gist.asks, earlier.asks {
            contributions.add(gist.repeats(earlier) ? 1 : 0, to: CharacterMeasure.retry, at: hour)
        }
        session?.previousUser = gist
    }

    private mutating func addDay(_ day: Int64, hour: Int64) {
        guard day != lastDay else { return }
        if let lastDay, day == lastDay + 1 {
            raise(CharacterMeasure.returnNextDay, at: lastDayHour, by: MeasureSum(total: 1_000_000))
        }
        contributions.add(0, to: CharacterMeasure.returnNextDay, at: hour)
        lastDay = day
        lastDayHour = hour
    }

    private mutating func addBotMessage(_ observation: Observation, hour: Int64) {
        if openTurnHour == nil {
            contributions.add(0, to: CharacterMeasure.continuation, at: hour)
            openTurnHour = hour
        }
        if let words = observation.analysis.flatMap(CharacterMeasure.turnWords) {
            contributions.add(words, to: CharacterMeasure.turnWords, squares: true, at: hour)
        }
        guard !hasGivenTraits, let analysis = observation.analysis, analysis.wordCount > 0 else { return }
        for (name, intensity) in zip(Self.styleMeasures, StyleTraits.intensities(of: analysis)) {
            contributions.add(intensity, to: name, at: hour)
            contributions.add(intensity, to: name, at: BotContributions.longRun)
        }
    }

    /// Adds to a measure that an earlier row counted, unless its hour has been withdrawn since.
    private mutating func raise(_ name: String, at hour: Int64, by sum: MeasureSum) {
        guard contributions[hour][name].count > 0 else { return }
        contributions.add(sum, to: name, at: hour)
    }
}
