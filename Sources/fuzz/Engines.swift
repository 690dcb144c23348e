import Bytes
import Engines
import Model
import Worker

private let analyzer = TextAnalyzer.shipped(dimensions: 64)
private let pair = Pair(userID: "user", botName: "bot")

/// Text analysis: every number is one, and the lists keep their limits.
func fuzzText(_ bytes: [UInt8]) {
    let analysis = analyzer.analyze(content: String(decoding: bytes, as: UTF8.self))
    if analysis.terms.count > TextAnalyzer.termsMax { broken("terms keep their limit") }
    if !analysis.embedding.allSatisfy(\.isFinite) { broken("an embedding is finite") }
    if !(0...1).contains(analysis.formality) || !(0...1).contains(analysis.capsRatio) {
        broken("shares are 0…1")
    }
    if analysis.wordCount < 0 || analysis.characterCount < 0 || analysis.characterCount > bytes.count * 3 {
        broken("counts are those of the text")
    }
}

/// The state of a pair: any bytes are refused or are a state, which is written as it was read and can be used.
func fuzzState(_ bytes: [UInt8]) {
    guard let state = try? PairState(decoding: bytes) else { return }
    let written = state.encoded()
    guard let again = try? PairState(decoding: written) else { broken("a state that is written can be read") }
    if again.encoded() != written { broken("a state that is written reads as the same state") }
    _ = state.strategicRow(for: pair)
}

/// A state that is accepted can be gone on with, whatever bytes it came from: a damaged one must not end the worker.
func fuzzRefold(_ bytes: [UInt8]) {
    guard var state = try? PairState(decoding: bytes) else { return }
    var at = max(state.lastKey.effectiveAt.microseconds, 1_700_000_000_000_000)
    for (id, content) in ["By the way, I love sailing.", "Do you?", "Yes! And my dog does."].enumerated() {
        let (next, overflows) = at.addingReportingOverflow(60_000_000)
        if overflows { return }
        at = next
        let message = Message(
            id: Int64(id), role: id == 1 ? .assistant : .user, content: content,
            createdAt: Timestamp(microseconds: at))
        state.apply(
            InputRow(effectiveAt: Timestamp(microseconds: at), event: .message(message)), analyzer: analyzer)
    }
    _ = state.strategicRow(for: pair)
    // What is written now may be refused at the next reading: days that were damaged need not ascend any more. The
    // worker then rebuilds the pair.
    _ = state.encoded()
}

/// The fold of a pair: interrupted anywhere it gives the same bytes, within their limit.
func fuzzFold(_ bytes: [UInt8]) {
    var source = bytes[...]
    var whole = PairState()
    var interrupted = PairState()
    var at: Int64 = 1_700_000_000_000_000
    var id: Int64 = 0
    while let command = source.popFirst(), id < 64 {
        id += 1
        let gap = Int64(source.popFirst() ?? 0)
        // Now and then seconds, minutes, hours, days. Never the same moment: whoever folds sees to the order of rows.
        at += 1 + gap * [1, 1_000_000, 60_000_000, 3_600_000_000, 864_000_000_000][Int(command >> 5) % 5]
        let row = InputRow(effectiveAt: Timestamp(microseconds: at), event: event(command, id, at, &source))
        whole.apply(row, analyzer: analyzer)
        interrupted.apply(row, analyzer: analyzer)
        if command & 0x10 != 0 {
            guard let read = try? PairState(decoding: interrupted.encoded()) else {
                broken("a state that is written can be read")
            }
            interrupted = read
        }
    }
    let written = whole.encoded()
    if written != interrupted.encoded() { broken("a fold that was interrupted gives the same bytes") }
    if written.count > Limits.stateBytesMax { broken("a state keeps its limit") }
    if whole.strategicRow(for: pair) != interrupted.strategicRow(for: pair) { broken("the same state, the same row") }
}

private func event(_ command: UInt8, _ id: Int64, _ at: Int64, _ source: inout ArraySlice<UInt8>) -> InputEvent {
    func text() -> String {
        let count = Int(source.popFirst() ?? 0) % 48
        defer { source = source.dropFirst(count) }
        return String(decoding: source.prefix(count), as: UTF8.self)
    }
    func number() -> Double {
        var bits: UInt64 = 0
        for _ in 0..<8 { bits = bits << 8 | UInt64(source.popFirst() ?? 0) }
        return Double(bitPattern: bits)
    }
    switch command & 0x0F {
    case 0...7:
        let role = Role(rawValue: command & 0x03) ?? .user
        let embedding = command & 0x07 == 7 ? [Float(number()), Float(number())] : nil
        let emotion = command & 0x07 == 6 ? [(label: text(), score: number())] : nil
        return .message(
            Message(
                id: id, role: role, content: text(), emotion: emotion, embedding: embedding,
                createdAt: Timestamp(microseconds: at)))
    case 8, 9:
        return .retrieval(
            MemoryRetrieval(
                id: id, memoryID: text(), score: number(), outcome: RecallOutcome(rawValue: command >> 5) ?? .unknown))
    case 10, 11:
        let names = ["engagement", "satisfaction", "coherence", "personality_consistency"]
        let metric = command & 1 == 0 ? names[Int(command >> 5) % 4] : text()
        return .metric(MetricPoint(id: id, metric: metric, value: number()))
    case 12, 13: return .trait(TraitActivation(id: id, trait: text(), intensity: number()))
    default:
        let answered = command & 1 == 0 ? nil : Timestamp(microseconds: at &+ Int64(source.popFirst() ?? 0))
        return .outreach(
            OutreachAttempt(
                id: id, topic: text(), propensity: number(), sentAt: Timestamp(microseconds: at), answeredAt: answered))
    }
}

/// States to start from: of conversations of growing length.
func seedStates() -> [[UInt8]] {
    let words = ["sailing", "soup", "I", "love", "my", "dog", "what", "about", "travel", "by the way", "?", "thanks"]
    var random = SeededRandom(seed: 1)
    var state = PairState()
    var states: [[UInt8]] = []
    for id in 1...120 as ClosedRange<Int64> {
        let content = (0..<Int.random(in: 1...12, using: &random)).map { _ in words.randomElement(using: &random)! }
        let at = Timestamp(microseconds: 1_700_000_000_000_000 + id * id * 40_000_000)
        let message = Message(
            id: id, role: id % 2 == 0 ? .assistant : .user, content: content.joined(separator: " "), createdAt: at)
        state.apply(InputRow(effectiveAt: at, event: .message(message)), analyzer: analyzer)
        if [1, 3, 10, 40, 120].contains(id) { states.append(state.encoded()) }
    }
    return states
}
