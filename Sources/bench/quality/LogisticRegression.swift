import Glibc

/// Rows of a sparse matrix, one after the other: bucket and value.
struct SparseRows {
    private(set) var starts = [0]
    private(set) var columns: [UInt32] = []
    private(set) var values: [Double] = []
    let width: Int

    init(width: Int) { self.width = width }

    var count: Int { starts.count - 1 }

    /// Adds a row: the counts of its columns, in the order of the columns.
    mutating func append(_ found: [UInt32]) {
        for column in found.sorted() {
            if columns.count > starts[count], columns[columns.count - 1] == column {
                values[values.count - 1] += 1
            } else {
                columns.append(column)
                values.append(1)
            }
        }
        starts.append(columns.count)
    }

    /// Σ weight · value of a row.
    func dot(_ row: Int, _ weights: [Double]) -> Double {
        var sum = 0.0
        for place in starts[row]..<starts[row + 1] { sum += weights[Int(columns[place])] * values[place] }
        return sum
    }

    /// Adds a multiple of a row to a vector.
    func add(_ row: Int, times factor: Double, to sums: inout [Double]) {
        for place in starts[row]..<starts[row + 1] { sums[Int(columns[place])] += factor * values[place] }
    }
}

/// Two-class logistic regression with an L2 penalty on scaled features, deterministic.
///
///     min over w, b of  Σ log(1 + e^(−y (b + Σ r(f) w(f) x(f)))) + λ/2 · |w|²
///
/// where r is the log-ratio of naive Bayes, with `smoothing` added to each count. Given back are r·w and b. By L-BFGS
/// from zero (Liu and Nocedal 1989), six pairs, at most `iterationsMax` steps.
struct LogisticRegression {
    var penalty = 40.0
    var smoothing = 0.5
    var iterationsMax = 60
    private static let pairsMax = 6

    /// Fits on some rows of a matrix.
    ///
    /// - Returns: weights by column, and then the bias.
    func fit(_ matrix: SparseRows, rows: [Int], isTrue: [Bool]) -> [Double] {
        let ratios = ratios(matrix, rows, isTrue)
        let width = matrix.width
        func loss(_ point: [Double]) -> (loss: Double, gradient: [Double]) {
            var weights = point
            var loss = 0.0
            for column in 0..<width {
                loss += penalty / 2 * point[column] * point[column]
                weights[column] *= ratios[column]
            }
            var gradient = [Double](repeating: 0, count: width + 1)
            for row in rows {
                let sign = isTrue[row] ? 1.0 : -1.0
                let margin = sign * (matrix.dot(row, weights) + point[width])
                loss += margin > 0 ? log1p(exp(-margin)) : log1p(exp(margin)) - margin
                let slope = -sign / (1 + exp(margin))
                matrix.add(row, times: slope, to: &gradient)
                gradient[width] += slope
            }
            for column in 0..<width {
                gradient[column] = gradient[column] * ratios[column] + penalty * point[column]
            }
            return (loss, gradient)
        }
        var fitted = minimum(of: loss, width: width + 1)
        for column in 0..<width { fitted[column] *= ratios[column] }
        return fitted
    }

    private func ratios(_ matrix: SparseRows, _ rows: [Int], _ isTrue: [Bool]) -> [Double] {
        var yes = [Double](repeating: smoothing, count: matrix.width)
        var no = yes
        for row in rows {
            if isTrue[row] { matrix.add(row, times: 1, to: &yes) } else { matrix.add(row, times: 1, to: &no) }
        }
        let offset = log(yes.reduce(0, +)) - log(no.reduce(0, +))
        return (0..<matrix.width).map { log(yes[$0]) - log(no[$0]) - offset }
    }

    private func minimum(
        of function: ([Double]) -> (loss: Double, gradient: [Double]), width: Int
    ) -> [Double] {
        var point = [Double](repeating: 0, count: width)
        var (value, gradient) = function(point)
        var pairs: [(step: [Double], change: [Double], product: Double)] = []
        for iteration in 0..<iterationsMax {
            let direction = Self.direction(gradient, pairs)
            let slope = Self.dot(direction, gradient)
            guard slope < -1e-9 * max(1, abs(value)) else { break }
            var length = iteration == 0 ? 1 / Self.dot(gradient, gradient).squareRoot() : 1
            var next = point
            var reached = (loss: value, gradient: gradient)
            for _ in 0..<30 {
                for index in 0..<width { next[index] = point[index] + length * direction[index] }
                reached = function(next)
                if reached.loss <= value + 1e-4 * length * slope { break }
                length /= 2
            }
            guard reached.loss < value else { break }
            let step = zip(next, point).map { $0 - $1 }
            let change = zip(reached.gradient, gradient).map { $0 - $1 }
            let product = Self.dot(step, change)
            if product > 1e-12 {
                if pairs.count == Self.pairsMax { pairs.removeFirst() }
                pairs.append((step, change, product))
            }
            point = next
            (value, gradient) = reached
        }
        return point
    }

    /// Minus the gradient times the running estimate of the inverse Hessian.
    private static func direction(
        _ gradient: [Double], _ pairs: [(step: [Double], change: [Double], product: Double)]
    ) -> [Double] {
        var result = gradient.map { -$0 }
        var shares: [Double] = []
        for pair in pairs.reversed() {
            let share = dot(pair.step, result) / pair.product
            shares.append(share)
            for index in result.indices { result[index] -= share * pair.change[index] }
        }
        if let last = pairs.last {
            let scale = last.product / dot(last.change, last.change)
            for index in result.indices { result[index] *= scale }
        }
        for (pair, share) in zip(pairs, shares.reversed()) {
            let back = share - dot(pair.change, result) / pair.product
            for index in result.indices { result[index] += back * pair.step[index] }
        }
        return result
    }

    private static func dot(_ left: [Double], _ right: [Double]) -> Double {
        var sum = 0.0
        for index in left.indices { sum += left[index] * right[index] }
        return sum
    }
}
