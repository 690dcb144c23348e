/// The parts of folding a message and of drawing a row, as their time is told: two that the engines share, and the
/// engines.
package enum EnginePart: Int, CaseIterable, Sendable {
    case text
    case topics
    case memoryAging
    case characterPerformance
    case personalityEvolution
    case contextSwitch
    case memoryBehavior
    case conversationPatterns
    case proactiveEngagement

    /// The engine's name as `null_reasons` has it, or the shared part's.
    package var name: String {
        switch self {
        case .text: "text"
        case .topics: "topics"
        case .memoryAging: "memory_aging"
        case .characterPerformance: "character_performance"
        case .personalityEvolution: "personality_evolution"
        case .contextSwitch: "context_switch"
        case .memoryBehavior: "memory_behavior"
        case .conversationPatterns: "conversation_patterns"
        case .proactiveEngagement: "proactive_engagement"
        }
    }
}

/// What is told when a part is done; results never depend on it.
protocol EngineProbe {
    mutating func passed(_ part: EnginePart)
}

/// Takes no time.
struct NoProbe: EngineProbe {
    @inline(__always) mutating func passed(_ part: EnginePart) {}
}

/// Adds up how long each part takes, by a clock that it is given.
package struct EngineStopwatch: EngineProbe, Sendable {
    private let clock: @Sendable () -> UInt64
    private var last: UInt64 = 0
    /// By the part's `rawValue`.
    package private(set) var nanoseconds = [UInt64](repeating: 0, count: EnginePart.allCases.count)

    /// Makes one that stands at zero.
    ///
    /// - Parameter clock: nanoseconds of a clock that only grows.
    package init(clock: @escaping @Sendable () -> UInt64) { self.clock = clock }

    mutating func start() { last = clock() }

    mutating func passed(_ part: EnginePart) {
        let now = clock()
        nanoseconds[part.rawValue] &+= now &- last
        last = now
    }
}
