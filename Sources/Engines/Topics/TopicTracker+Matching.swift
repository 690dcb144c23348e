import Bytes
import Model

/// A message as the tracker looks at it.
struct Incoming {
    var terms: [Term]
    var cues: CueSet
    var role: Role
    var at: Timestamp
    var centroid: TopicTracker.Centroid?
    /// A stable hash for each of the analysis' terms.
    var hashes: [UInt32]

    init(_ analysis: MessageAnalysis, role: Role, at: Timestamp, centroid: TopicTracker.Centroid?) {
        terms = analysis.terms
        cues = analysis.cues
        self.role = role
        self.at = at
        self.centroid = centroid
        hashes = analysis.terms.map { TopicTerms.hash($0.text) }
    }

    /// Whether the message says something that a topic could be about.
    var hasContent: Bool { !hashes.isEmpty && !cues.contains(.backchannel) }

    /// Whether a topic can be named after the message: some term is no vague word.
    var namesSubject: Bool {
        for index in hashes.indices where !VagueWords.contains(terms[index].text, hash: hashes[index]) { return true }
        return false
    }

    /// Whole seconds since the Unix epoch, rounded towards it so that they convert back without overflow.
    var second: Int64 { at.microseconds / 1_000_000 }

    /// Share of the message's terms that a topic keeps, 0…1.
    func overlap(with terms: TopicTerms) -> Double {
        hashes.isEmpty ? 0 : Double(terms.shared(with: hashes)) / Double(hashes.count)
    }

    /// Share of the message's terms among the given ones, 0…1.
    func overlap(with others: [UInt32]) -> Double {
        guard !hashes.isEmpty else { return 0 }
        var shared = 0
        for hash in hashes where others.contains(hash) { shared += 1 }
        return Double(shared) / Double(hashes.count)
    }
}

extension TopicTracker {
    /// From here on a message belongs to a topic that is known, by cosine and by share of terms.
    static let returnCosineMin = 0.55
    static let returnOverlapMin = 0.34
    /// What a shared term adds to the cosine, and of how many at most.
    static let sharedTermBonus = 0.08
    static let sharedTermsCounted = 3
    /// How far a message moves its topic's centroid at least, and the window.
    static let centroidShareMin: Float = 0.1
    static let windowShare: Float = 0.4

    /// The message's direction in the pair's embedding space; nil when it has none or is of another width.
    mutating func centroid(of analysis: MessageAnalysis) -> Centroid? {
        guard let direction = Direction(analysis.embedding) else { return nil }
        let width = UInt32(clamping: analysis.embedding.count)
        if self.width == 0 { self.width = width }
        guard self.width == width else { return nil }
        return Centroid(space: analysis.embeddingSource.rawValue, direction: direction)
    }

    func features(
        of message: Incoming, _ analysis: MessageAnalysis, running: Int, opensSession: Bool, previous: PreviousMessage?
    ) -> SwitchFeatures {
        var features = SwitchFeatures()
        features.windowCosine = Self.cosine(message.centroid, window)
        features.topicCosine = Self.cosine(message.centroid, stored[running].centroid)
        features.recentOverlap = message.overlap(with: recentHashes)
        features.topicOverlap = message.overlap(with: stored[running].terms)
        features.opensSession = opensSession
        features.coherence = Double(coherence)
        features.hasShiftCue = message.cues.contains(.topicShift)
        features.isQuestion = analysis.isQuestion
        features.isUser = message.role == .user
        features.isSocial = !message.cues.isDisjoint(with: [.greeting, .farewell, .thanks])
        features.isRequest = message.cues.contains(.unresolvedRequest)
        features.isAgreement = !message.cues.isDisjoint(with: [.agreement, .disagreement])
        features.wordCount = analysis.wordCount
        features.termCount = message.hashes.count
        features.messagesSinceSwitch = messagesSinceSwitch
        if let previous {
            features.gapMinutes = max(message.at.seconds(since: previous.at), 0) / 60
            features.answersQuestion = previous.isQuestion && previous.role != message.role
            features.previousWordCount = previous.wordCount
            features.continuesTurn = previous.role == message.role
        }
        return features
    }

    private static func cosine(_ left: Centroid?, _ right: Centroid?) -> Double? {
        guard let left, let right, left.space == right.space else { return nil }
        return left.direction.cosine(to: right.direction)
    }

    /// The topic, other than the one at `running`, that the message is nearest to; nil when none is near enough.
    func bestMatch(for message: Incoming, besides running: Int?) -> Int? {
        var best: Int?
        var bestScore = 0.0
        for index in stored.indices where index != running {
            let shared = min(stored[index].terms.shared(with: message.hashes), Self.sharedTermsCounted)
            let score: Double
            if let cosine = Self.cosine(message.centroid, stored[index].centroid) {
                score = cosine + Self.sharedTermBonus * Double(shared) - Self.returnCosineMin
            } else {
                score = Double(shared) / Double(message.hashes.count) - Self.returnOverlapMin
            }
            if score >= 0 && (best == nil || score > bestScore) {
                best = index
                bestScore = score
            }
        }
        return best
    }

    /// Makes room for a topic and opens it; it holds nothing until the message is assigned.
    mutating func open(_ message: Incoming) -> Int {
        let topic = Topic(
            id: nextID, firstSeen: message.second, lastSeen: message.second, messageCount: 0, userMessageCount: 0,
            weight: 0)
        nextID += 1
        guard stored.count >= Limits.topicsTrackedMax else {
            stored.append(topic)
            return stored.count - 1
        }
        let slot = evictionSlot()
        let evicted = stored[slot].id
        edges.removeAll { $0.from == evicted || $0.to == evicted }
        stored[slot] = topic
        return slot
    }

    /// The topic of least weight besides the running one, the older id first.
    private func evictionSlot() -> Int {
        var slot: Int?
        for (index, topic) in stored.enumerated() where topic.id != runningTopicID {
            guard let least = slot.map({ stored[$0] }) else {
                slot = index
                continue
            }
            if (topic.weight, topic.id) < (least.weight, least.id) { slot = index }
        }
        return slot ?? 0
    }

    /// Adds the message to a topic and makes that the running one.
    mutating func assign(_ message: Incoming, to index: Int, isNew: Bool, probability: Double) -> TopicObservation {
        let before = runningTopicID
        let id = stored[index].id
        let isSwitch = before != nil && before != id
        let similarity = Self.cosine(message.centroid, stored[index].centroid) ?? (isNew ? 1 : 0)
        for slot in stored.indices { stored[slot].weight *= Self.weightKept }
        stored[index].lastSeen = max(stored[index].lastSeen, message.second)
        stored[index].messageCount += 1
        if message.role == .user { stored[index].userMessageCount += 1 }
        stored[index].weight += 1
        stored[index].terms.add(message.terms, hashes: message.hashes)
        moveCentroid(of: index, to: message)
        moveWindow(to: message, restart: isSwitch)
        if let before, isSwitch { addTransition(from: before, to: id) }
        messagesSinceSwitch = isSwitch ? 0 : messagesSinceSwitch + 1
        runningTopicID = id
        return TopicObservation(
            topicID: id, label: stored[index].terms.label, similarity: similarity, isNewTopic: isNew,
            isReturn: isSwitch && !isNew, switchProbability: probability, isSwitch: isSwitch)
    }

    private mutating func moveCentroid(of index: Int, to message: Incoming) {
        guard let incoming = message.centroid else { return }
        guard let own = stored[index].centroid, own.space == incoming.space else {
            if stored[index].centroid == nil { stored[index].centroid = incoming }
            return
        }
        let share = max(1 / Float(stored[index].messageCount), Self.centroidShareMin)
        stored[index].centroid?.direction = own.direction.moved(towards: incoming.direction, share: share)
    }

    private mutating func moveWindow(to message: Incoming, restart: Bool) {
        if let incoming = message.centroid {
            if let own = window, own.space == incoming.space, !restart {
                window?.direction = own.direction.moved(towards: incoming.direction, share: Self.windowShare)
            } else {
                window = incoming
            }
        }
        if restart { recentHashes.removeAll(keepingCapacity: true) }
        recentHashes.append(contentsOf: message.hashes.suffix(Self.recentHashesMax))
        if recentHashes.count > Self.recentHashesMax {
            recentHashes.removeFirst(recentHashes.count - Self.recentHashesMax)
        }
    }

    private mutating func addTransition(from: UInt32, to: UInt32) {
        for index in edges.indices { edges[index].weight *= Self.transitionKept }
        if let known = edges.firstIndex(where: { $0.from == from && $0.to == to }) {
            edges[known].weight += 1
            return
        }
        if edges.count >= Self.transitionsMax {
            var least = 0
            for index in edges.indices where Self.isWeaker(edges[index], than: edges[least]) { least = index }
            edges.remove(at: least)
        }
        edges.append(Edge(from: from, to: to, weight: 1))
    }

    private static func isWeaker(_ edge: Edge, than other: Edge) -> Bool {
        (edge.weight, edge.from, edge.to) < (other.weight, other.from, other.to)
    }
}
