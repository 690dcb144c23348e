/// Where `HazardModel` starts: version 1, written by `bench fit hazard`.
enum HazardPrior {
    /// Coefficients of 1, ln(1 + messages since the last switch) and ln(1 + minutes of silence).
    static let mean: [Double] = [-1.16, -0.19, 1.40]
}
