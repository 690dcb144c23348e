import StrategicCache

// The hot path of a bot: one read before each reply. It never throws and never waits longer than its deadline.
let cache = try StrategicCache(.environment)  // AFTERTHOUGHT_DATABASE_URL, DATABASE_URL or PG*
defer { cache.close() }

func instructions(for user: String, said text: String) -> String {
    let context = RecentContext(messages: [.init(isFromUser: true, text: text)])
    let view = cache.read(user: user, bot: "elena", context: context)
    var lines: [String] = []
    switch view.conversationPatterns {
    case .fresh(let patterns, _), .stale(let patterns, _):
        if let words = patterns.optimalResponseLength { lines.append("Answer in about \(words) words.") }
        if let style = patterns.communicationStyle { lines.append("The user writes: \(style).") }
        if let topic = patterns.recentTopics?.first?.topic { lines.append("They last talked about \(topic).") }
    case .fallback(let guess):
        if let words = guess.suggestedResponseWords { lines.append("Answer in about \(words) words.") }
    }
    if let risk = view.memoryHealth.value?.forgettingRiskMemories?.first?.label {
        lines.append("Worth bringing up again: \(risk).")
    }
    switch view.freshness {
    case .fresh: lines.append("(complete up to the last minutes)")
    case .stale(let age): lines.append("(as of \(age) ago)")
    case .missing: lines.append("(nothing known yet)")
    }
    return lines.joined(separator: "\n")
}

_ = cache.waitUntilReady(milliseconds: 1000)
print(instructions(for: "u42", said: "I can't decide where to travel in June"))
