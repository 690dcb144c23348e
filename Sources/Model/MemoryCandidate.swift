import Bytes

/// One memory of a pair as it is stored, from which the lists of a moment are drawn.
package struct MemoryCandidate: Hashable, Sendable {
    package var id: String
    /// `topic` or `retrieval`.
    package var kind: String?
    package var label: String?
    /// When it was first and last met, in seconds since the Unix epoch.
    package var first: Double
    package var last: Double
    /// Days.
    package var stability: Double
    package var reviews: Int64?

    package init(
        id: String, kind: String? = nil, label: String? = nil, first: Double, last: Double, stability: Double,
        reviews: Int64? = nil
    ) {
        self.id = id
        self.kind = kind
        self.label = label
        self.first = first
        self.last = last
        self.stability = stability
        self.reviews = reviews
    }

    /// Reads the stored list; entries without an id, times or stability are left out.
    package static func list(json: JSONValue) -> [MemoryCandidate] {
        (json.array ?? []).compactMap { entry in
            guard let id = entry["id"]?.string, let first = entry["first"]?.double, let last = entry["last"]?.double,
                let stability = entry["stability"]?.double
            else { return nil }
            return MemoryCandidate(
                id: id, kind: entry["kind"]?.string, label: entry["label"]?.string, first: first, last: last,
                stability: stability, reviews: entry["reviews"]?.int64)
        }
    }
}

/// A memory at a moment.
package struct MemoryStanding: Hashable, Sendable {
    package var id: String
    package var kind: String?
    package var label: String?
    /// Chance of recall, 0…1.
    package var retrievability: Double
    /// Hours since it was first and last met.
    package var ageHours: Double
    package var idleHours: Double
    package var reviews: Int64?

    /// Chance that it is forgotten, 0…1.
    package var risk: Double { 1 - retrievability }

    package init(_ memory: MemoryCandidate, curve: ForgettingCurve, at moment: Timestamp) {
        id = memory.id
        kind = memory.kind
        label = memory.label
        reviews = memory.reviews
        retrievability = curve.retrievability(
            afterDays: max(moment.seconds - memory.last, 0) / 86400, stability: memory.stability)
        ageHours = max(moment.seconds - memory.first, 0) / 3600
        idleHours = max(moment.seconds - memory.last, 0) / 3600
    }

    /// Least likely to be recalled first; ties by id, byte by byte.
    static func faintestFirst(_ left: MemoryStanding, _ right: MemoryStanding) -> Bool {
        if left.retrievability != right.retrievability { return left.retrievability < right.retrievability }
        return left.id.utf8.lexicographicallyPrecedes(right.id.utf8)
    }

    /// Most likely to be recalled first; ties by id, byte by byte.
    static func clearestFirst(_ left: MemoryStanding, _ right: MemoryStanding) -> Bool {
        if left.retrievability != right.retrievability { return left.retrievability > right.retrievability }
        return left.id.utf8.lexicographicallyPrecedes(right.id.utf8)
    }
}
