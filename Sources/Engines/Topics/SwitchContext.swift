import Bytes
import Model

#if canImport(Glibc)
    import Glibc
#endif

/// What is kept of a pair's last messages to tell whether the next one switches topic: a bounded fold.
///
/// - Two means of directions that forget, a quick one (a message replaces half of it) and a slow one (0.05).
/// - *Coherence*, the running mean of cosines to the quick mean, but at least `coherencePrior`: cosines count relative
///   to it, so that an embedding whose cosines are all high needs no weights of its own.
/// - The newest terms, and what the last two messages did.
/// - The *register*: of each role's messages a mean (a message replaces 0.1 of it) of how much they sound like
///   somebody served or serving rather than like one of two peers who chat (`SwitchModel`).
///
/// Nothing here depends on what was taken as a switch, so a wrong decision does not lead to others. O(64) a message;
/// about 220 bytes when encoded.
package struct SwitchContext: Sendable {
    static let recentHashesMax = 16
    static let quickShare: Float = 0.5
    static let slowShare: Float = 0.05
    /// Where coherence starts and the least that it counts as, and what share of it each message replaces.
    static let coherencePrior: Float = 0.3
    static let coherenceShare: Float = 0.1
    /// What share of its role's register a message replaces.
    package static let registerShare = 0.1
    /// A register is bounded so that damaged bytes can't make it anything.
    static let registerMax: Float = 1000

    /// A direction and the space it lives in; only directions of one space can be compared.
    struct Centroid: Sendable {
        var space: UInt8
        var direction: Direction

        static func cosine(_ left: Centroid?, _ right: Centroid?) -> Double? {
            guard let left, let right, left.space == right.space else { return nil }
            return left.direction.cosine(to: right.direction)
        }
    }

    private var quick: Centroid?
    private var slow: Centroid?
    private var coherence = SwitchContext.coherencePrior
    /// Hashes of the newest terms, newest last.
    private var recentHashes: [UInt32] = []
    private var newest = MessageTraits()
    private var secondNewest = MessageTraits()
    private var userRegister = SwitchModel.userRegisterStart
    private var assistantRegister = SwitchModel.assistantRegisterStart

    package init() {}

    /// The message's direction in its embedding space; nil when it has none.
    ///
    /// A pair whose messages come with embeddings of another width from some day on has its newer topics in another
    /// space: what can't be compared is not compared.
    func centroid(of analysis: MessageAnalysis) -> Centroid? {
        Direction(analysis.embedding).map { Centroid(space: analysis.embeddingSpace, direction: $0) }
    }

    /// Folds a message of the user or the assistant in.
    ///
    /// - Returns: What was known of it before it was folded in, but for the register, which it is part of.
    package mutating func observe(
        _ analysis: MessageAnalysis, role: Role, at: Timestamp, opensSession: Bool, previous: PreviousMessage?
    ) -> SwitchFeatures {
        let message = Incoming(analysis, role: role, at: at, centroid: centroid(of: analysis))
        return observe(message, analysis, opensSession: opensSession, previous: previous)
    }

    /// Whether a topic can begin with such a message at all, however likely a switch is.
    package static func canOpenTopic(_ analysis: MessageAnalysis) -> Bool {
        let message = Incoming(analysis, role: .user, at: Timestamp(microseconds: 0), centroid: nil)
        return message.hasContent && message.namesSubject
    }

    mutating func observe(
        _ message: Incoming, _ analysis: MessageAnalysis, opensSession: Bool, previous: PreviousMessage?
    ) -> SwitchFeatures {
        let cosine = Centroid.cosine(message.centroid, quick)
        var features = SwitchFeatures()
        let usual = Double(max(coherence, Self.coherencePrior))
        features.quickCosine = cosine.map { $0 - usual } ?? 0
        features.slowCosine = Centroid.cosine(message.centroid, slow).map { $0 - usual } ?? 0
        var shared = 0
        for hash in message.hashes where recentHashes.contains(hash) { shared += 1 }
        features.sharedTerms = min(shared, SwitchFeatures.sharedTermsMax)
        features.overlap = message.hashes.isEmpty ? 0 : Double(shared) / Double(message.hashes.count)
        features.termCount = message.hashes.count
        features.traits = MessageTraits(analysis)
        features.previous = newest
        features.beforePrevious = secondNewest
        features.isUser = message.role == .user
        features.continuesTurn = previous?.role == message.role
        features.opensSession = opensSession
        if let previous { features.gapMinutes = max(message.at.seconds(since: previous.at), 0) / 60 }

        let sound = SwitchModel.sound(features)
        let share = Float(Self.registerShare)
        if features.isUser { userRegister += share * (sound - userRegister) }
        if !features.isUser { assistantRegister += share * (sound - assistantRegister) }
        features.register = Double(userRegister + assistantRegister)

        if let cosine { coherence += Self.coherenceShare * (Float(cosine) - coherence) }
        move(to: message.centroid)
        recentHashes.append(contentsOf: message.hashes.suffix(Self.recentHashesMax))
        if recentHashes.count > Self.recentHashesMax {
            recentHashes.removeFirst(recentHashes.count - Self.recentHashesMax)
        }
        secondNewest = newest
        newest = features.traits
        return features
    }

    private mutating func move(to incoming: Centroid?) {
        guard let incoming else { return }
        if let own = quick, own.space == incoming.space {
            quick?.direction = own.direction.moved(towards: incoming.direction, share: Self.quickShare)
        } else {
            quick = incoming
        }
        if let own = slow, own.space == incoming.space {
            slow?.direction = own.direction.moved(towards: incoming.direction, share: Self.slowShare)
        } else {
            slow = incoming
        }
    }
}

extension SwitchContext {
    func encode(into writer: inout StateWriter) {
        writer.write(coherence)
        writer.write(quick) { $1.encode(into: &$0) }
        writer.write(slow) { $1.encode(into: &$0) }
        writer.write(list: recentHashes) { writer, hash in
            for shift in [UInt32(0), 8, 16, 24] { writer.write(byte: UInt8(truncatingIfNeeded: hash >> shift)) }
        }
        newest.encode(into: &writer)
        secondNewest.encode(into: &writer)
        writer.write(userRegister)
        writer.write(assistantRegister)
    }

    init(from reader: inout StateReader) throws(StateError) {
        coherence = try reader.readFloat()
        guard coherence.magnitude <= 1 else { throw reader.fault("a mean of cosines") }
        quick = try reader.readOptional { reader throws(StateError) in try Centroid(from: &reader) }
        slow = try reader.readOptional { reader throws(StateError) in try Centroid(from: &reader) }
        recentHashes = try reader.readList(max: Self.recentHashesMax) { reader throws(StateError) in
            var hash: UInt32 = 0
            for shift in [UInt32(0), 8, 16, 24] { hash |= UInt32(try reader.readByte()) << shift }
            return hash
        }
        newest = try MessageTraits(from: &reader)
        secondNewest = try MessageTraits(from: &reader)
        userRegister = try reader.readFloat()
        assistantRegister = try reader.readFloat()
        guard userRegister.magnitude <= Self.registerMax, assistantRegister.magnitude <= Self.registerMax else {
            throw reader.fault("registers")
        }
    }
}

extension SwitchContext.Centroid {
    func encode(into writer: inout StateWriter) {
        writer.write(byte: space)
        direction.encode(into: &writer)
    }

    init(from reader: inout StateReader) throws(StateError) {
        space = try reader.readByte()
        direction = try Direction(from: &reader)
    }
}
