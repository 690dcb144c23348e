import Bytes
import Engines

/// Change points of short series with several annotators, against no change at all.
///
/// Covering: for each annotator, mean over the values of the overlap (intersection over union) of the value's stretch
/// with the best found one; then the mean over annotators and series. F1: found changes within 5 values, precision
/// against all annotators together, recall the mean over annotators, the series' start a change for everybody. Source:
/// van den Burg and Williams 2020. Series of several dimensions are searched one by one.
enum ChangePointQuality: QualityTask {
    static let name = "change-points"
    private static let file = "tcpd/series.jsonl"
    static let files = [file]
    static let marginValues = 5

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        var covers: [Double] = []
        var scores: [Double] = []
        var zeroCovers: [Double] = []
        var zeroScores: [Double] = []
        var details: [(name: String, value: Detail)] = []
        for line in try data.lines(file) {
            let count = Int(try line.member("n").double ?? 0)
            let annotators = (try line.member("annotations").members ?? []).map { member in
                (member.value.array ?? []).compactMap { $0.double.map { Int($0) } }
            }
            var found: Set<Int> = []
            for one in try line.member("series").array ?? [] {
                found.formUnion(changes(try one.numbers("values"), known: found))
            }
            let starts = found.sorted()
            covers.append(covering(annotators, starts, count: count))
            scores.append(f1(annotators, starts))
            zeroCovers.append(covering(annotators, [], count: count))
            zeroScores.append(f1(annotators, []))
            details.append((try line.member("id").string ?? "", .numbers(starts.map { Double($0) })))
        }
        let zero = Metrics.mean(zeroCovers)
        report.add("covering", Metrics.mean(covers), baseline: ("no-change", zero), .atLeast(zero + 0.001))
        report.add("f1-margin-5", Metrics.mean(scores), baseline: ("no-change", Metrics.mean(zeroScores)))
        report.note("series", .count(covers.count))
        report.note("changes", .group(details))
    }

    /// The engine's changes, but those within the margin of known ones.
    private static func changes(_ values: [Double], known: Set<Int>) -> [Int] {
        let places = values.indices.filter { values[$0].isFinite }
        // A day apart: such series have no time of day to take out.
        let hourly = places.map { HourlyValue(hour: 24 * Int64($0), mean: values[$0], count: 1) }
        return ChangePoints.find(RobustResiduals.standardised(hourly, varianceWithin: 0)).map { places[$0.start] }
            .filter { start in !known.contains { abs($0 - start) <= marginValues } }
    }

    private static func covering(_ annotators: [[Int]], _ starts: [Int], count: Int) -> Double {
        let found = stretches(starts, count: count)
        return Metrics.mean(
            annotators.map { annotator in
                stretches(annotator, count: count).reduce(0) { sum, stretch in
                    let overlaps = found.map { other -> Double in
                        let shared =
                            min(stretch.upperBound, other.upperBound)
                            - max(stretch.lowerBound, other.lowerBound)
                        return shared <= 0 ? 0 : Double(shared) / Double(stretch.count + other.count - shared)
                    }
                    return sum + Double(stretch.count) * (overlaps.max() ?? 0)
                } / Double(count)
            })
    }

    private static func stretches(_ starts: [Int], count: Int) -> [Range<Int>] {
        let inner = Set(starts.filter { $0 > 0 && $0 < count }).sorted()
        return zip([0] + inner, inner + [count]).map { $0..<$1 }
    }

    private static func f1(_ annotators: [[Int]], _ starts: [Int]) -> Double {
        let found = Set(starts).union([0])
        let truths = annotators.map { Set($0).union([0]) }
        let all = truths.reduce(into: Set<Int>()) { $0.formUnion($1) }
        let precision = Double(matches(all, found)) / Double(found.count)
        let recall = Metrics.mean(truths.map { Double(matches($0, found)) / Double($0.count) })
        return 2 * precision * recall / (precision + recall)
    }

    private static func matches(_ truth: Set<Int>, _ found: Set<Int>) -> Int {
        var left = found
        var count = 0
        for place in truth.sorted() {
            let near = left.filter { abs($0 - place) <= marginValues }
            guard let nearest = near.min(by: { (abs($0 - place), $0) < (abs($1 - place), $1) }) else { continue }
            left.remove(nearest)
            count += 1
        }
        return count
    }
}
