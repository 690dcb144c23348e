/// The population's weights of receptivity and of return, version 1.
///
/// Written by `bench fit engagement` on byu_chitchat (MIT; Myers, Etchart and Fulda 2020) and
/// irc_disentangle (CC BY 4.0; Kummerfeld et al. 2019).
package enum ReceptivityWeights {
    static let intercept = 0.543
    /// Of ln(1 + silence in units of 10 s).
    static let recency = -0.853
    /// Of ln(1 + messages of the session), the user's farewell, ln(1 + words), ln(1 + user messages).
    static let context = [0.319, -3.246, 0.237, 0.379]
    /// Of the log-odds of the user's hours.
    static let hour = 0.887
    /// The standard deviation of users' own offsets.
    package static let offsetDeviation = 0.7
    /// Of the hazard in the first to last interval.
    static let returnIntercepts = [-1.737, -1.082, -0.836, -0.615, -0.775, -1.039]
    /// Of the features of return.
    static let returnFeatures = [-0.468, -0.171, 0.758, -0.19, 0.085]
}
