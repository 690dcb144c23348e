import Engines

/// What a conversation is about: the weighted sum of its messages' embeddings, and its terms.
///
///     sum = Σ w(m) · round(1024 · e(m))      w(m): the different content words of the message, at most 8
///
/// A message that only keeps the talk going, or has no content words, weighs nothing, and so do system messages; a
/// long one weighs no more than eight words do. Sums are whole numbers: the same messages give the same sum in whatever
/// order and portions they come. The first message that weighs anything decides which embeddings are added up (the
/// table's, hashed ones, supplied ones of one width); those of other messages can't be compared with it and only their
/// terms are taken. Embeddings wider than 256 are folded by signed hashing of the place (Charikar, Chen and
/// Farach-Colton 2002).
package struct ConversationVector: Hashable, Sendable {
    /// Grows whenever the same messages would give another vector: all are then made anew in the background.
    package static let version: Int32 = 1
    /// What a message's embedding is multiplied by before it is rounded.
    static let messageUnit: Float = 1024
    static let messageWeightMax = 8
    /// Beyond it a conversation's sum stands still, so that 32 bits hold it.
    package static let weightMax = 1 << 20
    /// Terms that are kept of a conversation.
    package static let termsMax = 24
    static let termBytesMax = 40

    /// A term and how many messages had it.
    package struct TermCount: Hashable, Sendable {
        package var term: String
        package var count: Int32

        package init(term: String, count: Int32) {
            self.term = term
            self.count = count
        }
    }

    /// 256 whole numbers.
    package private(set) var sum: [Int32]
    /// The sum of the messages' weights.
    package private(set) var weight: Int
    /// Which embeddings were added up; 0 before the first.
    package private(set) var space: UInt8
    /// By count, largest first, then by text.
    package private(set) var terms: [TermCount]

    package init() {
        sum = [Int32](repeating: 0, count: UnitVectors.width)
        weight = 0
        space = 0
        terms = []
    }

    package init(sum: [Int32], weight: Int, space: UInt8, terms: [TermCount]) {
        precondition(sum.count == UnitVectors.width, "expected \(UnitVectors.width) numbers, got: \(sum.count)")
        self.sum = sum
        self.weight = weight
        self.space = space
        self.terms = terms
    }

    /// Adds a message of the user or the assistant; `settleTerms` follows the last one.
    package mutating func add(_ analysis: MessageAnalysis) {
        let isEmpty = analysis.terms.isEmpty || analysis.cues.contains(.backchannel)
        guard !isEmpty else { return }
        for term in analysis.terms where term.text.utf8.count <= Self.termBytesMax {
            terms.append(TermCount(term: term.text, count: 1))
        }
        guard analysis.embeddingSource != .none, weight < Self.weightMax else { return }
        if weight == 0 { space = analysis.embeddingSpace }
        guard space == analysis.embeddingSpace else { return }
        let own = Int32(min(analysis.terms.count, Self.messageWeightMax))
        weight += Int(own)
        let embedding = analysis.embedding
        if embedding.count <= UnitVectors.width {
            for index in embedding.indices {
                sum[index] += own * Int32((embedding[index] * Self.messageUnit).rounded())
            }
        } else {
            for index in embedding.indices {
                // The place and the sign are bits of a multiplicative hash (Knuth).
                let mixed = UInt32(truncatingIfNeeded: index) &* 0x9E37_79B1
                let value = Int32((embedding[index] * Self.messageUnit).rounded())
                sum[Int(mixed >> 24)] += (mixed >> 23) & 1 == 0 ? own * value : -own * value
            }
        }
    }

    /// Adds up what was noted of each term and keeps the commonest.
    package mutating func settleTerms() {
        var counts: [String: Int32] = [:]
        for entry in terms { counts[entry.term, default: 0] += entry.count }
        let sorted = counts.map { TermCount(term: $0.key, count: $0.value) }
            .sorted { ($1.count, $0.term) < ($0.count, $1.term) }
        terms = Array(sorted.prefix(Self.termsMax))
    }
}
