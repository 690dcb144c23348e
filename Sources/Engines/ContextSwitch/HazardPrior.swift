/// Where `HazardModel` starts: version 1, written by `bench fit hazard`.
enum HazardPrior {
    /// Coefficients of 1, ln(1 + messages since the last switch) and ln(1 + minutes of silence).
    static let mean: [Double] = [-0.85, -0.25, 0.83]
    /// Added after a message that asks something.
    static let afterQuestion = -1.88
}
