/// Weights of `SwitchModel` in the order of `SwitchFeatures`: version 1, written by `bench fit switch`.
enum SwitchWeights {
    /// P(switch) from which on a message is taken as a switch.
    static let threshold = 0.30
    static let service: InlineArray<32, Double> = [
        -6.74, -7.72, 2.26, -0.77, -1.51, 0.37, 0.67, 3.04, -1.66, 1.30,
        0.76, 0.14, 0.69, -0.22, 1.71, 0.08, -0.37, -0.73, 0.40, 0.66,
        2.91, 0.14, 0.25, 0.35, -0.04, 0.19, -0.53, -0.26, 0.23, -0.18,
        1.46, 1.51,
    ]
    static let peers: InlineArray<32, Double> = [
        -3.38, -5.12, 4.32, -1.18, 0.02, 0.28, -0.34, -0.62, -1.35, 1.30,
        -0.94, -0.16, 1.93, 0.49, 0.44, -0.10, 0.50, -0.28, -1.14, 0.29,
        -0.19, -0.58, 0.04, 0.13, -0.06, -0.95, -0.75, -0.27, 0.20, -0.31,
        -0.06, 0.00,
    ]
    static let registerIntercept = 0.31
    static let userRegister: InlineArray<8, Double> = [
        12.60, 21.32, 25.93, -1.25, -8.35, 6.07, -4.53, -7.53,
    ]
    static let assistantRegister: InlineArray<8, Double> = [
        6.22, -10.91, -11.42, -6.22, 5.19, 2.55, -9.58, -18.74,
    ]
    static let userRegisterStart = 2.18
    static let assistantRegisterStart = -3.18
}
