import Glibc

/// Distribution functions that tests of experiments need, to about 1e-12.
///
/// Sources: Stirling's series, the series of the incomplete gamma function and the continued fractions of the
/// incomplete gamma and beta functions (NIST Digital Library of Mathematical Functions, 5.11, 8.7, 8.9, 8.17.22), the
/// latter by Lentz's method (1976).
package enum SpecialFunctions {
    private static let termsMax = 10_000
    private static let precision = 1e-16
    private static let tiny = 1e-300

    /// P(Z ≤ x) of a standard normal Z.
    package static func normalCDF(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }

    /// P(|Z| ≥ |z|) of a standard normal Z.
    package static func normalTwoSided(_ z: Double) -> Double { erfc(abs(z) / 2.0.squareRoot()) }

    /// The x with P(Z ≤ x) = probability.
    ///
    /// - Parameter probability: 0…1 exclusive.
    /// - Returns: the quantile.
    package static func normalQuantile(_ probability: Double) -> Double {
        precondition(probability > 0 && probability < 1, "expected 0 < probability < 1, got: \(probability)")
        if probability == 0.5 { return 0 }
        let tail = min(probability, 1 - probability)
        // A start to 4.5e-4 (Hastings 1955), then Halley's steps, each of which triples the digits.
        let t = (-2 * log(tail)).squareRoot()
        var x =
            t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
        for _ in 0..<3 {
            let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
            let step = (erfc(x / 2.0.squareRoot()) / 2 - tail) / density
            x += step / (1 - x * step / 2)
        }
        return probability < 0.5 ? -x : x
    }

    /// ln Γ(x) of a positive x.
    package static func logGamma(_ x: Double) -> Double {
        precondition(x > 0, "expected a positive x, got: \(x)")
        var shift = 0.0
        var argument = x
        // Stirling's series converges fast enough from 16 on.
        if argument < 16 {
            var product = 1.0
            while argument < 16 {
                product *= argument
                argument += 1
            }
            shift = log(product)
        }
        let square = 1 / (argument * argument)
        let series =
            (1.0 / 12
                - square * (1.0 / 360 - square * (1.0 / 1260 - square * (1.0 / 1680 - square * (1.0 / 1188)))))
            / argument
        return (argument - 0.5) * log(argument) - argument + log(2 * Double.pi) / 2 + series - shift
    }

    /// Q(a, x) = Γ(a, x) / Γ(a), the upper regularised incomplete gamma function.
    ///
    /// - Parameters:
    ///   - a: positive.
    ///   - x: at least 0.
    /// - Returns: 0…1.
    package static func upperGamma(_ a: Double, _ x: Double) -> Double {
        precondition(a > 0 && x >= 0, "expected a > 0 and x >= 0, got: \(a) and \(x)")
        if x == 0 { return 1 }
        if x.isInfinite { return 0 }
        let scale = exp(a * log(x) - x - logGamma(a))
        if x < a + 1 {
            var term = 1 / a
            var sum = term
            for n in 1...termsMax {
                term *= x / (a + Double(n))
                sum += term
                if term < sum * precision { break }
            }
            return 1 - scale * sum
        }
        return scale * continuedFraction(first: x + 1 - a) { n in (-n * (n - a), x + 2 * n + 1 - a) }
    }

    /// P(X ≥ x) of a chi-squared X.
    package static func chiSquaredUpper(_ x: Double, degrees: Int) -> Double {
        upperGamma(Double(degrees) / 2, max(0, x) / 2)
    }

    /// I_x(a, b), the regularised incomplete beta function.
    ///
    /// - Parameters:
    ///   - x: 0…1.
    ///   - a: positive.
    ///   - b: positive.
    /// - Returns: 0…1.
    package static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        precondition(a > 0 && b > 0 && x >= 0 && x <= 1, "expected a, b > 0 and x in 0…1, got: \(a), \(b), \(x)")
        if x == 0 || x == 1 { return x }
        // The fraction converges fast on this side of the mean only.
        return x > (a + 1) / (a + b + 2) ? 1 - lowerBeta(1 - x, b, a) : lowerBeta(x, a, b)
    }

    /// I_x(a, b) by the continued fraction; x at most about its mean.
    private static func lowerBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        if x == 0 { return 0 }
        let scale = exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * log(x) + b * log1p(-x)) / a
        return scale
            * continuedFraction(first: 1) { n in
                let m = (n / 2).rounded(.down)
                let isEven = n == 2 * m
                let numerator =
                    isEven
                    ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
                    : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                return (numerator, 1)
            }
    }

    /// P(|T| ≥ |t|) of Student's T.
    ///
    /// - Parameters:
    ///   - t: any.
    ///   - degrees: of freedom, positive, not necessarily whole.
    /// - Returns: 0…1.
    package static func studentTwoSided(_ t: Double, degrees: Double) -> Double {
        incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5)
    }

    /// The t > 0 with P(|T| ≥ t) = probability.
    package static func studentTwoSidedQuantile(_ probability: Double, degrees: Double) -> Double {
        precondition(probability > 0 && probability < 1, "expected 0 < probability < 1, got: \(probability)")
        var low = 0.0
        var high = 1.0
        while studentTwoSided(high, degrees: degrees) > probability { high *= 2 }
        // Bisection to the last digit: the function falls, and this is asked once a result.
        while true {
            let middle = (low + high) / 2
            if middle <= low || middle >= high { return middle }
            if studentTwoSided(middle, degrees: degrees) > probability { low = middle } else { high = middle }
        }
    }

    /// 1 / (b₀ + a₁ / (b₁ + a₂ / (b₂ + …))) by Lentz's method.
    private static func continuedFraction(first: Double, _ terms: (Double) -> (a: Double, b: Double)) -> Double {
        var c = 1 / tiny
        var d = 1 / first
        var value = d
        for n in 1...termsMax {
            let (a, b) = terms(Double(n))
            d = a * d + b
            d = 1 / (abs(d) < tiny ? tiny : d)
            c = b + a / c
            if abs(c) < tiny { c = tiny }
            let factor = c * d
            value *= factor
            if abs(factor - 1) < precision * 10 { break }
        }
        return value
    }
}
