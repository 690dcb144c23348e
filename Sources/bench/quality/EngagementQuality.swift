import Engines
import Glibc

/// Receptivity and return on chats with real times, against base rate, recency and the user's own habit.
///
/// Users are cut in two by a hash; the shipped weights were fitted on one half, the figures are of the other. Of these
/// users' trials the first 70 % by time fit the baselines (share of answers; logistic regression on
/// ln(1 + silence/10 s) alone) and the rest is measured. Receptivity is what the product's row gives at the moment of
/// the message; trials of users who asked not to be contacted are left out, as theirs is a rule and no prediction.
enum EngagementQuality: QualityTask {
    static let name = "engagement"
    static let files = [EngagementData.chats, EngagementData.sessions, EngagementData.logs]
    static let fitShare = 0.7
    /// Silence from which a message starts something rather than goes on.
    static let silenceSeconds = 360.0

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let sets = [
            ("chat", try EngagementData.chatTimelines(data)), ("irc", try EngagementData.logTimelines(data)),
        ]
        for (name, timelines) in sets {
            let measured = timelines.filter { !EngagementData.isForFitting($0.key) }
            let all = EngagementData.trials(measured)
            let trials = all.filter { $0.receptivity != nil && !$0.isOptedOut }
            report.note("\(name)_trials_opted_out", .count(all.count { $0.isOptedOut }))
            let cut = Int(fitShare * Double(trials.count))
            let early = Array(trials[..<cut])
            let late = Array(trials[cut...])
            measure(name, early, late, &report)
            measure(
                name + "-after-silence", early.filter { $0.silenceSeconds >= silenceSeconds },
                late.filter { $0.silenceSeconds >= silenceSeconds }, &report)
        }
        try measureReturns(data, &report)
    }

    private static func measure(
        _ name: String, _ early: [EngagementTrial], _ late: [EngagementTrial], _ report: inout QualityReport
    ) {
        let rate = Metrics.mean(early.map { $0.isAnswered ? 1 : 0 })
        let recency = Regression.logistic(
            early.map { (features: [1, $0.features[0]], isTrue: $0.isAnswered, weight: 1) }, ridge: 0.01)
        let own = late.map { (probability: $0.receptivity ?? 0, isTrue: $0.isAnswered) }
        let plain = late.map {
            (probability: Regression.predict(recency, [1, $0.features[0]]), isTrue: $0.isAnswered)
        }
        let constant = late.map { (probability: rate, isTrue: $0.isAnswered) }
        report.add(
            "\(name)-auc", Metrics.auc(own), baseline: ("recency", Metrics.auc(plain)), .atLeast(Metrics.auc(plain)))
        let brier = Metrics.brier(plain)
        report.add("\(name)-brier", Metrics.brier(own), baseline: ("recency", brier), .atMost(brier))
        let base = Metrics.brier(constant)
        report.add("\(name)-brier-skill", 1 - Metrics.brier(own) / base, baseline: ("base-rate", 0), .atLeast(0))
        report.add(
            "\(name)-calibration-error", Metrics.calibrationError(own),
            baseline: ("recency", Metrics.calibrationError(plain)))
        report.note(
            name.split(separator: "-").joined(separator: "_"),
            .group([
                ("trials", .count(late.count)), ("answered", .count(late.count { $0.isAnswered })),
                ("brier", .number(Metrics.brier(own))), ("brier_recency", .number(brier)),
                ("brier_base_rate", .number(base)),
            ]))
    }

    private static func measureReturns(_ data: DataFolder, _ report: inout QualityReport) throws {
        let gaps = try EngagementData.gaps(data)
        let known = gaps.filter { EngagementData.isForFitting($0.user) && $0.hasReturned }.map(\.hours)
        let typical = median(known)
        let measured = gaps.filter { !EngagementData.isForFitting($0.user) }
        let habit = concordance(measured) { $0.ownMedianHours ?? typical }
        let index = concordance(measured) { $0.expectedHours }
        report.add("return-c-index", index, baseline: ("own-median-gap", habit), .atLeast(max(0.65, habit)))
        let returning = measured.filter { $0.ownMedianHours != nil }
        report.add(
            "return-c-index-known-users", concordance(returning) { $0.expectedHours },
            baseline: ("own-median-gap", concordance(returning) { $0.ownMedianHours ?? typical }))
        report.note("gaps", .count(measured.count))
        report.note("returns", .count(measured.count { $0.hasReturned }))
    }

    /// Harrell's C: of two gaps of which one surely ended sooner, how often it was predicted to; ties count half.
    private static func concordance(_ gaps: [EngagementGap], _ predict: (EngagementGap) -> Double) -> Double {
        let predictions = gaps.map(predict)
        var pairs = 0.0
        var right = 0.0
        for (one, sooner) in gaps.enumerated() where sooner.hasReturned {
            for (other, later) in gaps.enumerated() where later.hours > sooner.hours {
                pairs += 1
                if predictions[one] < predictions[other] {
                    right += 1
                } else if predictions[one] == predictions[other] {
                    right += 0.5
                }
            }
        }
        return right / pairs
    }
}
