import Bytes

/// How a user's feelings run, and whether they move with the bot's.
///
/// Valence and arousal are those of the message analysis. Matching is the correlation of the user's valence with that
/// of the bot's message just before, drawn towards 0 as if ten more uncorrelated pairs had been seen.
struct EmotionDynamics: Equatable, Sendable {
    static let matchingStrength = 10.0

    var valence = RecentMean()
    var arousal = RecentMean()
    /// Share of the feeling that is not neutral.
    var emotionality = RecentMean()
    /// Absolute change of valence from one user message to the next.
    var volatility = RecentMean()
    private var lastValence: Double?
    private var botValence: Double?
    private var answered = RecentMean()
    private var answering = RecentMean()
    private var product = RecentMean()

    init() {}

    mutating func observeUser(_ emotion: Emotion) {
        guard emotion.source != .none else {
            botValence = nil
            return
        }
        valence.add(emotion.valence)
        arousal.add(emotion.arousal)
        emotionality.add(1 - emotion.neutral)
        if let lastValence { volatility.add((emotion.valence - lastValence).magnitude) }
        lastValence = Self.clamped(emotion.valence)
        guard let botValence else { return }
        answered.add(botValence)
        answering.add(emotion.valence)
        product.add(botValence * emotion.valence)
        self.botValence = nil
    }

    mutating func observeBot(_ emotion: Emotion) {
        botValence = emotion.source == .none ? nil : Self.clamped(emotion.valence)
    }

    private static func clamped(_ valence: Double) -> Double? {
        valence.isFinite ? min(max(valence, -1), 1) : nil
    }

    /// The correlation with the bot's valence, -1…1; nil before three answers.
    var matching: Double? {
        guard product.count >= 3 else { return nil }
        let spread = answered.deviation * answering.deviation
        guard spread > 1e-9 else { return 0 }
        let correlation = min(max((product.mean - answered.mean * answering.mean) / spread, -1), 1)
        let count = Double(product.count)
        return correlation * count / (count + Self.matchingStrength)
    }

    func encode(into writer: inout StateWriter) {
        for mean in [valence, arousal, emotionality, volatility, answered, answering, product] {
            mean.encode(into: &writer)
        }
        writer.write(lastValence) { writer, value in writer.write(value) }
        writer.write(botValence) { writer, value in writer.write(value) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        valence = try RecentMean(from: &reader)
        arousal = try RecentMean(from: &reader)
        emotionality = try RecentMean(from: &reader)
        volatility = try RecentMean(from: &reader)
        answered = try RecentMean(from: &reader)
        answering = try RecentMean(from: &reader)
        product = try RecentMean(from: &reader)
        lastValence = try reader.readOptional { reader throws(StateError) in try reader.readValence() }
        botValence = try reader.readOptional { reader throws(StateError) in try reader.readValence() }
    }
}

extension StateReader {
    /// Reads a number of -1…1.
    fileprivate mutating func readValence() throws(StateError) -> Double {
        let value = try readDouble()
        guard value.magnitude <= 1 else { throw fault("a valence of -1…1") }
        return value
    }
}
