import Bytes
import Model

/// A message as the tracker looks at it.
struct Incoming {
    var terms: [Term]
    var cues: CueSet
    var role: Role
    var at: Timestamp
    var centroid: SwitchContext.Centroid?
    /// A stable hash for each of the analysis' terms.
    var hashes: [UInt32]

    init(_ analysis: MessageAnalysis, role: Role, at: Timestamp, centroid: SwitchContext.Centroid?) {
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
}

extension TopicTracker {
    /// From here on a message belongs to a topic that is known, by cosine and by share of terms.
    static let returnCosineMin = 0.55
    static let returnOverlapMin = 0.34
    /// What a shared term adds to the cosine, and of how many at most.
    static let sharedTermBonus = 0.08
    static let sharedTermsCounted = 3
    /// How far a message moves its topic's centroid at least.
    static let centroidShareMin: Float = 0.1

    /// The topic, other than the one at `running`, that the message is nearest to; nil when none is near enough.
    func bestMatch(for message: Incoming, besides running: Int?) -> Int? {
        var best: Int?
        var bestScore = 0.0
        for index in stored.indices where index != running {
            let shared = min(stored[index].terms.shared(with: message.hashes), Self.sharedTermsCounted)
            let score: Double
            if let cosine = SwitchContext.Centroid.cosine(message.centroid, stored[index].centroid) {
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
        let similarity = SwitchContext.Centroid.cosine(message.centroid, stored[index].centroid) ?? (isNew ? 1 : 0)
        for slot in stored.indices { stored[slot].weight *= Self.weightKept }
        stored[index].lastSeen = max(stored[index].lastSeen, message.second)
        stored[index].messageCount += 1
        if message.role == .user { stored[index].userMessageCount += 1 }
        stored[index].weight += 1
        stored[index].terms.add(message.terms, hashes: message.hashes)
        moveCentroid(of: index, to: message)
        if let before, isSwitch { addTransition(from: before, to: id) }
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
