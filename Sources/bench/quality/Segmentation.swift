import Bytes
import Glibc

/// How near a segmentation is to the reference's.
///
/// A segmentation is, for each message, whether a segment begins with it. Over all n − k pairs of messages k apart:
///
///     Pk          share of pairs of which one segmentation has a boundary between and the other has none
///     WindowDiff  share of pairs between which their counts of boundaries differ
///
/// k is half the mean length of a reference segment, rounded to the nearest (halves to even) and at least 2: of the
/// dialogue's own segments (the convention, and the figure), or of all of the set's (beside it). Both are means over
/// dialogues longer than k. F1 of boundaries is over all dialogues together; with a tolerance each boundary is matched
/// at most once, from the left.
///
/// Sources: Beeferman, Berger and Lafferty 1999; Pevzner and Hearst 2002.
struct SegmentationScore {
    var pk = 0.0
    var windowDiff = 0.0
    /// With k of the whole set.
    var pkOfSet = 0.0
    var windowDiffOfSet = 0.0
    var f1 = 0.0
    /// A boundary one message off counts.
    var f1Near = 0.0
    /// Boundaries found for each true one.
    var boundaryRatio = 0.0

    init(reference: [[Bool]], found: [[Bool]]) {
        let counts = reference.map { $0.count { $0 } }
        let messages = reference.reduce(0) { $0 + $1.count }
        let common = Self.window(messages: messages, segments: counts.reduce(0, +) + counts.count)
        var own: [(Double, Double)] = []
        var ofSet: [(Double, Double)] = []
        var exact = 0
        var near = 0
        for (index, one) in reference.enumerated() {
            let width = Self.window(messages: one.count, segments: counts[index] + 1)
            if let errors = Self.errors(one, found[index], width: width) { own.append(errors) }
            if let errors = Self.errors(one, found[index], width: common) { ofSet.append(errors) }
            exact += Self.matches(one, found[index], tolerance: 0)
            near += Self.matches(one, found[index], tolerance: 1)
        }
        pk = Metrics.mean(own.map { $0.0 })
        windowDiff = Metrics.mean(own.map { $0.1 })
        pkOfSet = Metrics.mean(ofSet.map { $0.0 })
        windowDiffOfSet = Metrics.mean(ofSet.map { $0.1 })
        let actual = counts.reduce(0, +)
        let guessed = found.reduce(0) { $0 + $1.count { $0 } }
        f1 = 2 * Double(exact) / Double(max(1, actual + guessed))
        f1Near = 2 * Double(near) / Double(max(1, actual + guessed))
        boundaryRatio = Double(guessed) / Double(max(1, actual))
    }

    private static func window(messages: Int, segments: Int) -> Int {
        max(2, Int((0.5 * Double(messages) / Double(segments)).rounded(.toNearestOrEven)))
    }

    private static func errors(_ reference: [Bool], _ found: [Bool], width: Int) -> (Double, Double)? {
        guard reference.count > width else { return nil }
        func sums(_ flags: [Bool]) -> [Int] { flags.reduce(into: [0]) { $0.append($0.last! + ($1 ? 1 : 0)) } }
        let one = sums(reference)
        let other = sums(found)
        var disagree = 0
        var differ = 0
        let pairs = reference.count - width
        for start in 0..<pairs {
            let actual = one[start + width + 1] - one[start + 1]
            let guessed = other[start + width + 1] - other[start + 1]
            if (actual > 0) != (guessed > 0) { disagree += 1 }
            if actual != guessed { differ += 1 }
        }
        return (Double(disagree) / Double(pairs), Double(differ) / Double(pairs))
    }

    private static func matches(_ reference: [Bool], _ found: [Bool], tolerance: Int) -> Int {
        var used = Set<Int>()
        var matches = 0
        for place in reference.indices where reference[place] {
            let near = max(0, place - tolerance)...min(found.count - 1, place + tolerance)
            if let match = near.first(where: { found[$0] && !used.contains($0) }) {
                used.insert(match)
                matches += 1
            }
        }
        return matches
    }
}

/// Segmentations to compare with.
enum NaiveSegmentation {
    static func none(_ reference: [[Bool]]) -> [[Bool]] {
        reference.map { [Bool](repeating: false, count: $0.count) }
    }

    /// Each message but the first begins a segment with the set's true rate.
    static func random(_ reference: [[Bool]], seed: UInt64) -> [[Bool]] {
        let places = reference.reduce(0) { $0 + $1.count - 1 }
        let rate = Double(reference.reduce(0) { $0 + $1.count { $0 } }) / Double(max(1, places))
        var random = SeededRandom(seed: seed)
        return reference.map { one in
            one.indices.map { $0 > 0 && Double.random(in: 0..<1, using: &random) < rate }
        }
    }

    /// As many segments as there are, all of one length.
    static func even(_ reference: [[Bool]]) -> [[Bool]] {
        reference.map { one in
            let segments = one.count { $0 } + 1
            var found = [Bool](repeating: false, count: one.count)
            for part in 1..<max(1, segments) { found[one.count * part / segments] = true }
            return found
        }
    }

    /// TextTiling by embeddings.
    ///
    /// At each gap the cosine of the sums of the two messages before and the two after; its depth is how far it lies
    /// below the nearest peaks to both sides; boundaries are where the depth is above the dialogue's mean and so many
    /// standard deviations. Source: Hearst 1997.
    static func textTiling(_ vectors: [[Float]], deviations: Double, window: Int = 2) -> [Bool] {
        var found = [Bool](repeating: false, count: vectors.count)
        guard vectors.count > 2 else { return found }
        let cosines = (1..<vectors.count).map { gap in
            cosine(
                sum(vectors[max(0, gap - window)..<gap]), sum(vectors[gap..<min(vectors.count, gap + window)]))
        }
        let depths = cosines.indices.map { gap in
            var left = gap
            while left > 0, cosines[left - 1] >= cosines[left] { left -= 1 }
            var right = gap
            while right + 1 < cosines.count, cosines[right + 1] >= cosines[right] { right += 1 }
            return cosines[left] + cosines[right] - 2 * cosines[gap]
        }
        let mean = Metrics.mean(depths)
        let deviation = Metrics.mean(depths.map { ($0 - mean) * ($0 - mean) }).squareRoot()
        for gap in depths.indices where depths[gap] > mean + deviations * deviation { found[gap + 1] = true }
        return found
    }

    private static func sum(_ vectors: ArraySlice<[Float]>) -> [Float] {
        guard var total = vectors.first else { return [] }
        for vector in vectors.dropFirst() {
            for index in total.indices { total[index] += vector[index] }
        }
        return total
    }

    private static func cosine(_ left: [Float], _ right: [Float]) -> Double {
        var product: Float = 0
        var lengths: (Float, Float) = (0, 0)
        for index in left.indices {
            product += left[index] * right[index]
            lengths.0 += left[index] * left[index]
            lengths.1 += right[index] * right[index]
        }
        let length = (lengths.0 * lengths.1).squareRoot()
        return length > 0 ? Double(product / length) : 0
    }
}
