import Glibc

/// A series cut into stretches of constant level.
///
/// For k = 0…`changesMax` changes, the cut with the least squared error by dynamic programming; among them the least
/// n·ln(s²·(1 − ρ²)) + `penalty`·k·ln n, s² the mean squared residual and ρ the residuals' first-order correlation,
/// corrected for the levels that were fitted: what a neighbour tells of a value is no level.
///
/// Invariants: deterministic; stretches have at least `lengthMin` values; the same cut for shifted or scaled values.
/// O(n²·k). Sources: Auger and Lawrence 1989 (segment neighbourhood); Yao 1988 (Schwarz's criterion for changes);
/// AR(1) noise after Chakar et al. 2017.
enum LevelSegments {
    static let lengthMin = 6
    static let changesMax = 15
    /// Schwarz's criterion has 2, for a level and a place; more, because the place was searched for, by simulation.
    static let penalty = 3.5
    static let correlationMax = 0.95

    /// Finds the first values of new levels, ascending, with the logarithm of the odds that each is one.
    static func changes(_ values: [Double]) -> [(start: Int, logOdds: Double)] {
        let most = min(changesMax, values.count / (2 * lengthMin))
        guard most > 0, let first = values.first, values.contains(where: { $0 != first }) else { return [] }
        var best: [Int] = []
        var least = criterion(values, starts: [])
        for starts in cuts(values, most: most) {
            let here = criterion(values, starts: starts)
            if here < least {
                least = here
                best = starts
            }
        }
        return best.map { start in
            (start, (criterion(values, starts: best.filter { $0 != start }) - least) / 2)
        }
    }

    private static func criterion(_ values: [Double], starts: [Int]) -> Double {
        let n = Double(values.count)
        var residuals = values
        for (from, end) in zip([0] + starts, starts + [values.count]) {
            let mean = values[from..<end].reduce(0, +) / Double(end - from)
            for place in from..<end { residuals[place] -= mean }
        }
        let squares = residuals.reduce(0) { $0 + $1 * $1 }
        let product = zip(residuals, residuals.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 }
        let observed = squares > 0 ? product / squares : 0
        // Each fitted level takes about (1 + 3ρ)/n away from the estimate.
        let corrected = observed + (1 + 3 * observed) * Double(starts.count + 1) / n
        let correlation = min(max(corrected, 0), correlationMax)
        let variance = max(squares / n * (1 - correlation * correlation), 1e-9)
        return n * log(variance) + penalty * Double(starts.count) * log(n)
    }

    /// The best cut for each number of changes from 1 to `most`, as far as the values suffice.
    private static func cuts(_ values: [Double], most: Int) -> [[Int]] {
        let n = values.count
        var sums = [0.0]
        var squares = [0.0]
        for value in values {
            sums.append(sums[sums.count - 1] + value)
            squares.append(squares[squares.count - 1] + value * value)
        }
        func cost(_ from: Int, _ end: Int) -> Double {
            let sum = sums[end] - sums[from]
            return squares[end] - squares[from] - sum * sum / Double(end - from)
        }
        var least = (0...n).map { $0 >= lengthMin ? cost(0, $0) : .infinity }
        var choices: [[Int]] = []
        var found: [[Int]] = []
        for changes in 1...most {
            var next = [Double](repeating: .infinity, count: n + 1)
            var choice = [Int](repeating: 0, count: n + 1)
            guard n >= lengthMin * (changes + 1) else { break }
            for end in (lengthMin * (changes + 1))...n {
                for from in (lengthMin * changes)...(end - lengthMin) {
                    let total = least[from] + cost(from, end)
                    if total < next[end] {
                        next[end] = total
                        choice[end] = from
                    }
                }
            }
            least = next
            choices.append(choice)
            var starts: [Int] = []
            var end = n
            for choice in choices.reversed() {
                end = choice[end]
                starts.insert(end, at: 0)
            }
            found.append(starts)
        }
        return found
    }
}
