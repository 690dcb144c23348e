import Glibc
import Testing

@testable import Learning

// Reference values: scipy 1.17.1, `norm.cdf`, `norm.ppf`, `gammaln`, `gammaincc`, `betainc`, `2 * t.sf`, `t.isf(p / 2)`,
// each printed by `python3 -c "import scipy.stats as st, scipy.special as sp; print(repr(st.norm.cdf(0.3)), …)"`.
@Suite("Special functions")
struct SpecialFunctionsTests {
    /// Within 1e-10 of the reference, absolutely and, for small values, relatively.
    private func agrees(_ value: Double, _ reference: Double) -> Bool {
        abs(value - reference) <= 1e-10 * min(1, max(abs(reference), 1e-300)) || abs(value - reference) <= 1e-13
    }

    @Test func normal() {
        let cdf = [
            (-8, 6.22096057427174e-16), (-3.5, 0.00023262907903552502), (-1, 0.15865525393145707), (0, 0.5),
            (0.3, 0.6179114221889526), (1.959963984540054, 0.975), (6, 0.9999999990134123),
        ]
        for (x, reference) in cdf { #expect(agrees(SpecialFunctions.normalCDF(x), reference), "\(x)") }
        let quantiles = [
            (1e-12, -7.034483825301131), (0.001, -3.090232306167813), (0.025, -1.9599639845400545),
            (0.3, -0.5244005127080409), (0.5, 0), (0.975, 1.959963984540054), (0.999999, 4.753424308817087),
        ]
        for (p, reference) in quantiles { #expect(abs(SpecialFunctions.normalQuantile(p) - reference) < 1e-10, "\(p)") }
    }

    @Test func gamma() {
        let logarithms = [
            (0.1, 2.252712651734206), (0.5, 0.5723649429247), (1, 0), (3.7, 1.428072326665388),
            (16, 27.899271383840894), (120.25, 454.2209873833582), (10000, 82099.71749644238),
        ]
        for (x, reference) in logarithms {
            #expect(abs(SpecialFunctions.logGamma(x) - reference) <= 1e-13 * max(1, reference), "\(x)")
        }
        let upper = [
            (0.5, 0.2, 0.5270892568655381), (0.5, 12, 9.63357008643095e-07), (1, 1, 0.36787944117144245),
            (2.5, 0.7, 0.924313272801667), (10, 25, 0.0002214766382487835), (50, 40, 0.9296649333406051),
            (500, 520, 0.18469114909874365),
        ]
        for (a, x, reference) in upper { #expect(agrees(SpecialFunctions.upperGamma(a, x), reference), "\(a) \(x)") }
    }

    @Test func beta() {
        let values = [
            (0.1, 0.5, 0.5, 0.20483276469913345), (0.5, 2, 3, 0.6875), (0.9, 30, 2, 0.1695646331008649),
            (0.02, 5, 200, 0.3869403220501118), (0.5, 1000, 1010, 0.588269827543728),
            (0.3, 0.5, 20, 0.9998262021603298),
        ]
        for (x, a, b, reference) in values {
            #expect(agrees(SpecialFunctions.incompleteBeta(x, a, b), reference), "\(x) \(a) \(b)")
        }
    }

    @Test func student() {
        let tails = [
            (0.5, 1, 0.7048327646991335), (2, 4.5, 0.10825790718112499), (2.674, 307.1, 0.007896366786374993),
            (6, 30, 1.3942768767204764e-06), (1.96, 100000, 0.04999856319430168),
        ]
        for (t, degrees, reference) in tails {
            #expect(agrees(SpecialFunctions.studentTwoSided(t, degrees: degrees), reference), "\(t) \(degrees)")
        }
        let quantiles = [
            (0.05, 3.3, 3.0248744618408083), (0.05, 307, 1.9677212881554913), (0.01, 12, 3.054539589392902),
            (0.5, 100, 0.6769510430114717),
        ]
        for (p, degrees, reference) in quantiles {
            #expect(abs(SpecialFunctions.studentTwoSidedQuantile(p, degrees: degrees) - reference) < 1e-10, "\(p)")
        }
    }
}
