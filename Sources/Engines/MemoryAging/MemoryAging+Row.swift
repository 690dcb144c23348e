import Bytes
import Glibc
import Model

extension MemoryAging {
    /// Fills the columns of memory aging.
    package func contribute(to row: inout StrategicRow, topics: TopicTracker) {
        guard !table.memories.isEmpty, let first = events.first else {
            row.nullReasons[Self.name] = "no retrieval and no topic in the user's own messages yet"
            row.unvalidated.insert(Self.name)
            return
        }
        row.memoryCandidates = candidates(topics)
        row.memoryFirstSeenMean = firstSeenMean
        row.memoryEventFirst = first
        row.memoryEventLast = events.last
        (row.memoryEventFast, row.memoryEventSlow) = events.effective
        row.topicDrift = drift
        if row.topicDrift == nil {
            row.nullReasons[Self.name] =
                "topic_drift: expected at least \(Self.driftTopicsMin) topics and \(Self.driftStretchesMin) stretches"
                + " of talk on them, got: \(topicsTracked) and \(stretches)"
        }
        if !RecallLog.areBetterThanBaseRate(returnLog, outcomeLog) { row.unvalidated.insert(Self.name) }
    }

    private var topicsTracked: Int { table.memories.count { $0.key.isTopic } }

    /// Taken of whole seconds, so that 16 of them cannot overflow.
    private var firstSeenMean: Timestamp {
        let count = Int64(table.memories.count)
        let seconds = table.memories.reduce(Int64(0)) { $0 + $1.firstSeen }
        let (whole, rest) = seconds.quotientAndRemainder(dividingBy: count)
        let bounded = max(whole, Int64.min / 1_000_000 + 1)
        return Timestamp(microseconds: bounded * 1_000_000 + rest * 1_000_000 / count)
    }

    /// Jensen–Shannon divergence in bits between the recent and the long-run shares of the tracked topics.
    var drift: Double? {
        guard topicsTracked >= Self.driftTopicsMin, stretches >= Self.driftStretchesMin else { return nil }
        let notes = table.memories.filter { $0.key.isTopic }.map(\.note)
        let recentTotal = notes.reduce(0) { $0 + Double($1.recentWeight) }
        let longRunTotal = notes.reduce(0) { $0 + Double($1.longRunWeight) }
        guard recentTotal > 0, longRunTotal > 0 else { return nil }
        var divergence = 0.0
        for note in notes {
            let recent = Double(note.recentWeight) / recentTotal
            let longRun = Double(note.longRunWeight) / longRunTotal
            let middle = (recent + longRun) / 2
            if recent > 0 { divergence += recent * log2(recent / middle) / 2 }
            if longRun > 0 { divergence += longRun * log2(longRun / middle) / 2 }
        }
        return min(max(divergence, 0), 1)
    }

    private func candidates(_ topics: TopicTracker) -> String {
        let ordered = table.memories.sorted { left, right in
            left.lastSeen != right.lastSeen ? left.lastSeen > right.lastSeen : left.key < right.key
        }
        var json = JSONWriter(reservingBytes: 160 * ordered.count)
        json.beginArray()
        for memory in ordered {
            json.beginObject()
            switch memory.key {
            case .topic(let id):
                json.key("id")
                json.value("topic:\(id)")
                json.key("kind")
                json.value("topic")
                json.key("label")
                json.value(topics.label(of: id) ?? memory.note.name)
            case .retrieval:
                json.key("id")
                json.value(memory.note.name)
                json.key("kind")
                json.value("retrieval")
                json.key("label")
                json.value(memory.note.name.prefix(utf8BytesMax: AgingNote.labelBytesMax))
            }
            json.key("first")
            json.value(memory.firstSeen)
            json.key("last")
            json.value(memory.lastSeen)
            json.key("stability")
            json.value(Double(memory.stability), decimals: 4)
            json.key("difficulty")
            json.value(Double(memory.difficulty), decimals: 3)
            json.key("reviews")
            json.value(memory.reviews)
            json.endObject()
        }
        json.endArray()
        return json.text
    }
}
