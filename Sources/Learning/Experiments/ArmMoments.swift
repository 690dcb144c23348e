/// What is known of one arm's units in one metric: how many, their mean and spread, and those of a covariate.
///
/// Sums of squares are kept around the means (Welford 1962; Chan, Golub and LeVeque 1979), so that a large mean costs
/// no digits. The covariate is centred on all arms' mean beforehand, and 0 where a unit has none.
package struct ArmMoments: Hashable, Sendable {
    package var count: Int
    package var mean: Double
    /// Σ (y − mean)².
    package var squares: Double
    package var covariateMean: Double
    /// Σ (x − mean of x)².
    package var covariateSquares: Double
    /// Σ (x − mean of x)(y − mean).
    package var products: Double

    package init(
        count: Int = 0, mean: Double = 0, squares: Double = 0, covariateMean: Double = 0, covariateSquares: Double = 0,
        products: Double = 0
    ) {
        self.count = count
        self.mean = mean
        self.squares = squares
        self.covariateMean = covariateMean
        self.covariateSquares = covariateSquares
        self.products = products
    }

    /// Of units that have 1 or 0.
    package init(successes: Int, of count: Int) {
        let share = count > 0 ? Double(successes) / Double(count) : 0
        self.init(count: count, mean: share, squares: Double(count) * share * (1 - share))
    }

    /// The unbiased variance of a unit; nil below two units.
    package var variance: Double? { count > 1 ? squares / Double(count - 1) : nil }

    /// Adds a unit; O(1).
    package mutating func add(_ value: Double, covariate: Double = 0) {
        count += 1
        let weight = 1 / Double(count)
        let valueStep = value - mean
        let covariateStep = covariate - covariateMean
        mean += valueStep * weight
        covariateMean += covariateStep * weight
        squares += valueStep * (value - mean)
        covariateSquares += covariateStep * (covariate - covariateMean)
        products += covariateStep * (value - mean)
    }

    /// Adds another group of units of the same arm.
    package mutating func add(_ other: ArmMoments) {
        guard other.count > 0 else { return }
        let total = Double(count + other.count)
        let weight = Double(other.count) / total
        let cross = Double(count) * weight
        let valueStep = other.mean - mean
        let covariateStep = other.covariateMean - covariateMean
        squares += other.squares + valueStep * valueStep * cross
        covariateSquares += other.covariateSquares + covariateStep * covariateStep * cross
        products += other.products + valueStep * covariateStep * cross
        mean += valueStep * weight
        covariateMean += covariateStep * weight
        count += other.count
    }

    /// The moments of y − slope · x.
    func adjusted(bySlope slope: Double) -> ArmMoments {
        // In this order, as the square of a slope may exceed a Double where what it is multiplied with is small.
        let left = squares + slope * (slope * covariateSquares - 2 * products)
        // Not by `max`, which would make 0 of what is no number.
        return ArmMoments(count: count, mean: mean - slope * covariateMean, squares: left < 0 ? 0 : left)
    }
}

/// CUPED: what a covariate from before the exposure explains is taken out of both arms (Deng, Xu, Kohavi and Walker
/// 2013).
///
/// The slope is the one common to the arms, each around its own mean. So the difference of the adjusted means is the
/// coefficient of the treatment in the least squares of y on the treatment and the centred covariate (Frisch and
/// Waugh 1933).
package enum CovariateAdjustment {
    /// The common slope of y on x; nil if x does not vary, no finite number if the sums are none.
    package static func slope(_ arms: [ArmMoments]) -> Double? {
        let squares = arms.reduce(0) { $0 + $1.covariateSquares }
        // Sums that are no number are told from none.
        guard squares != 0 else { return nil }
        return arms.reduce(0) { $0 + $1.products } / squares
    }

    /// The arms with what the covariate explains taken out.
    package static func adjusted(_ arms: [ArmMoments]) -> [ArmMoments]? {
        slope(arms).map { slope in arms.map { $0.adjusted(bySlope: slope) } }
    }
}
