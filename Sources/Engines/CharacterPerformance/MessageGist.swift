import Bytes

/// What is remembered of a user's message to recognise that the next one says it again.
///
/// Two messages are the same in other words when at least 60 % of their content words are shared (Jaccard, two words or
/// more), or when their embeddings' first 64 dimensions, rounded to eight bits, have a cosine of at least 0.85.
struct MessageGist: Equatable, Sendable {
    static let dimensionsMax = 64
    static let termsMax = 16
    static let jaccardMin = 0.6
    static let cosineMin = 0.85

    /// Whether it asks a question or for something to be done.
    var asks: Bool
    var source: UInt8
    var vector: [Int8]
    /// Hashes of content words, ascending, each once.
    var terms: [UInt32]

    init(_ analysis: MessageAnalysis) {
        asks = analysis.isQuestion || analysis.cues.contains(.unresolvedRequest)
        source = analysis.embeddingSpace
        let prefix = analysis.embedding.prefix(MessageGist.dimensionsMax)
        let peak = prefix.reduce(Float(0)) { $1.isFinite ? max($0, $1.magnitude) : $0 }
        vector = peak > 0 ? prefix.map { $0.isFinite ? Int8(($0 / peak * 127).rounded()) : 0 } : []
        terms = Array(Set(analysis.terms.prefix(MessageGist.termsMax).map { UInt32(truncatingIfNeeded: $0.hash) }))
            .sorted()
    }

    /// Tells whether this message says again what an earlier one said.
    func repeats(_ earlier: MessageGist) -> Bool {
        let shared = terms.count { earlier.terms.contains($0) }
        let union = terms.count + earlier.terms.count - shared
        if shared >= 2, Double(shared) >= MessageGist.jaccardMin * Double(union) { return true }
        return source == earlier.source && cosine(earlier) >= MessageGist.cosineMin
    }

    private func cosine(_ other: MessageGist) -> Double {
        guard vector.count == other.vector.count, !vector.isEmpty else { return 0 }
        var product = 0
        var own = 0
        var others = 0
        for (left, right) in zip(vector, other.vector) {
            product += Int(left) * Int(right)
            own += Int(left) * Int(left)
            others += Int(right) * Int(right)
        }
        let norm = (Double(own) * Double(others)).squareRoot()
        return norm > 0 ? Double(product) / norm : 0
    }

    func encode(into writer: inout StateWriter) {
        writer.write(asks)
        writer.write(byte: source)
        writer.write(list: vector) { writer, value in writer.write(byte: UInt8(bitPattern: value)) }
        writer.write(list: terms) { writer, hash in writer.write(UInt64(hash)) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        asks = try reader.readBool()
        source = try reader.readByte()
        vector = try reader.readList(max: MessageGist.dimensionsMax) { reader throws(StateError) in
            Int8(bitPattern: try reader.readByte())
        }
        terms = try reader.readList(max: MessageGist.termsMax) { reader throws(StateError) in
            let hash = try reader.readUnsigned()
            guard hash <= UInt64(UInt32.max) else { throw reader.fault("a 32-bit hash") }
            return UInt32(hash)
        }
        guard zip(terms, terms.dropFirst()).allSatisfy({ $0 < $1 }) else { throw reader.fault("ascending hashes") }
    }
}
