/// One group of signals: fresh, stale, or what could be guessed without them.
public enum Signal<Value: Sendable, Heuristic: Sendable>: Sendable {
    /// Every message committed before `age` ago is reflected.
    case fresh(Value, age: Duration)
    /// It may lack messages of the last `age`.
    case stale(Value, age: Duration)
    /// Nothing is stored of the pair, or nothing could be read: a guess from what the caller has in hand.
    case fallback(Heuristic)

    /// The stored value, fresh or stale; nil for a fallback.
    public var value: Value? {
        switch self {
        case .fresh(let value, _), .stale(let value, _): value
        case .fallback: nil
        }
    }

    /// Whether it is fresh.
    public var isFresh: Bool { if case .fresh = self { true } else { false } }
}

extension Signal: Equatable where Value: Equatable, Heuristic: Equatable {}

/// How far an answer can be trusted to be complete.
public enum Freshness: Hashable, Sendable {
    /// Every message of the pair committed earlier than one TTL ago is in the answer.
    case fresh
    /// It was complete so long ago; the pair may have moved on since.
    case stale(age: Duration)
    /// There is no row, or none could be read in time.
    case missing
}
