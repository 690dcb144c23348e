import Bytes
import Engines
import Glibc
import Model

/// The retrieval trend's test on simulated events.
///
/// How often it calls a trend where there is none, and how often it sees a doubled rate. It reads no data; the seed is
/// fixed.
///
/// A false alarm is a trend called, of all records asked; a record that is too thin for an answer is none. Stationary
/// events are a Poisson process; bursts (a Poisson process of sittings, each with a geometric number of events within
/// half an hour); or days whose rates differ (gamma). The doubled rate has 30 expected events before and 60 after, in
/// stretches of equal length, of which an exact binomial test sees 89 %; a record may go on before them.
enum RetrievalTrendQuality: QualityTask {
    static let name = "retrieval-trend"
    static let files: [String] = []
    private static let records = 6000

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        var random = EventSource(seed: 20_241_121)
        var worst = (plain: 0.0, bursty: 0.0)
        var details: [(name: String, value: Detail)] = []
        for days in [10.0, 14, 30, 90, 180] {
            for rate in [0.1, 0.2, 0.5, 1, 3, 10] {
                let share = alarms { random.poisson(rate: rate, from: 0, to: days) }.ask(at: days)
                worst.plain = max(worst.plain, share.called)
                details.append(("poisson_\(rate)_a_day_\(Int(days))_days", share.detail))
            }
            for (sittings, size) in [(0.3, 3.0), (0.5, 3), (1, 3), (1, 8), (3, 5)] {
                let share = alarms { random.sittings(rate: sittings, size: size, days: days) }.ask(at: days)
                worst.bursty = max(worst.bursty, share.called)
                details.append(("bursts_\(sittings)_of_\(size)_\(Int(days))_days", share.detail))
            }
            for (rate, shape) in [(3.0, 0.5), (10, 1)] {
                let share = alarms { random.uneven(rate: rate, shape: shape, days: Int(days)) }.ask(at: days)
                worst.bursty = max(worst.bursty, share.called)
                details.append(("uneven_days_\(rate)_\(Int(days))_days", share.detail))
            }
        }
        report.add("false-alarms-poisson-worst", worst.plain, .atMost(0.05))
        report.add("false-alarms-bursty-worst", worst.bursty, .atMost(0.05))
        for (name, stretch, before) in [
            ("power-doubled-7-days-after-12-weeks", 7.0, 84.0), ("power-doubled-14-days-after-12-weeks", 14, 84),
            ("power-doubled-14-days-after-4-weeks", 14, 28), ("power-doubled-14-days-after-2-weeks", 14, 0),
        ] {
            let rate = 30 / stretch
            let end = before + 2 * stretch
            let share = alarms {
                random.poisson(rate: rate, from: 0, to: end - stretch)
                    + random.poisson(rate: 2 * rate, from: end - stretch, to: end)
            }.ask(at: end)
            report.add(name, share.increasing, baseline: ("binomial", 0.89), .atLeast(0.8))
        }
        report.note("false_alarms", .group(details))
        report.note("records_each", .count(records))
    }

    private static func alarms(_ draw: () -> [Double]) -> Records { Records(events: (0..<records).map { _ in draw() }) }

    /// Simulated records: days of events, from 0 on.
    private struct Records {
        var events: [[Double]]

        struct Share {
            var called = 0.0
            var increasing = 0.0
            var answered = 0.0

            var detail: Detail { .numbers([called, increasing, answered]) }
        }

        /// What the product says of each record at this day.
        func ask(at day: Double) -> Share {
            var share = Share()
            let weight = 1 / Double(events.count)
            // The days that the engine counts in begin at another hour in each record.
            for (index, days) in events.enumerated() {
                let origin = Timestamp(microseconds: 1_709_251_200_000_000 + Int64(index % 24) * 3_600_000_000)
                var counts = DecayedEvents()
                for event in days { counts.add(at: origin.advanced(bySeconds: event * 86_400)) }
                let finding = Projections.retrievalTrend(
                    first: counts.first, last: counts.first == nil ? nil : counts.last, fast: counts.effective.fast,
                    slow: counts.effective.slow, at: origin.advanced(bySeconds: day * 86_400))
                guard let trend = finding.trend else { continue }
                share.answered += weight
                if trend != .stable { share.called += weight }
                if trend == .increasing { share.increasing += weight }
            }
            return share
        }
    }
}

/// Random events of known rates.
private struct EventSource {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private mutating func exponential() -> Double { -log(1 - Double.random(in: 0..<1, using: &random)) }

    /// Days of a Poisson process, ascending.
    mutating func poisson(rate: Double, from start: Double, to end: Double) -> [Double] {
        var days: [Double] = []
        var day = start
        while true {
            day += exponential() / rate
            guard day < end else { return days }
            days.append(day)
        }
    }

    /// Sittings of a geometric number of events each.
    mutating func sittings(rate: Double, size: Double, days: Double) -> [Double] {
        var events: [Double] = []
        for start in poisson(rate: rate, from: 0, to: days) {
            repeat {
                events.append(min(start + Double.random(in: 0..<1 / 48.0, using: &random), days))
            } while Double.random(in: 0..<1, using: &random) >= 1 / size
        }
        return events.sorted()
    }

    /// Days whose rates are gamma distributed; the shape is 1 or 0.5.
    mutating func uneven(rate: Double, shape: Double, days: Int) -> [Double] {
        (0..<days).flatMap { day -> [Double] in
            // Gamma(1) is exponential; Gamma(1/2) is half a squared normal.
            var draw = exponential()
            if shape == 0.5 {
                let angle = cos(2 * Double.pi * Double.random(in: 0..<1, using: &random))
                draw *= angle * angle
            }
            let today = draw / shape * rate
            return today > 0 ? poisson(rate: today, from: Double(day), to: Double(day + 1)) : []
        }
    }
}
