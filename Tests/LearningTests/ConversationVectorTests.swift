import Bytes
import Engines
import Testing

@testable import Learning

@Suite("Conversation vectors")
struct ConversationVectorTests {
    private static let analyzer = TextAnalyzer(table: nil, dimensions: 256)

    private func vector(_ texts: [String]) -> ConversationVector {
        var vector = ConversationVector()
        for text in texts { vector.add(Self.analyzer.analyze(content: text)) }
        vector.settleTerms()
        return vector
    }

    @Test("the order of messages and the portions they come in change nothing")
    func order() {
        let texts = [
            "my card has not arrived from the bank", "ok", "book a flight to Lisbon please", "the card is black",
            "which airport has trains to the city", "flight and hotel together",
        ]
        let straight = vector(texts)
        #expect(vector(texts.reversed()) == straight)
        var portions = vector(Array(texts.prefix(2)))
        for text in texts.dropFirst(2) {
            portions.add(Self.analyzer.analyze(content: text))
            portions.settleTerms()
        }
        #expect(portions == straight)
        #expect(straight.terms.first.map { $0.count } == 2)
    }

    @Test("what only keeps the talk going weighs nothing, and a long message not more than eight words")
    func weights() {
        #expect(vector(["ok", "lol", "!!!", ""]).weight == 0)
        #expect(vector(["ok", "lol"]).sum.allSatisfy { $0 == 0 })
        let long = "castle river mountain forest bridge tower island harbor garden temple market desert"
        #expect(vector([long]).weight == ConversationVector.messageWeightMax)
        #expect(vector(["castle river"]).weight == 2)
    }

    @Test("embeddings of another kind are left out, their terms are not; wide ones are folded")
    func spaces() {
        var vector = ConversationVector()
        vector.add(Self.analyzer.analyze(content: "castle river"))
        let before = vector
        let supplied = [Float](repeating: 1, count: 384)
        vector.add(Self.analyzer.analyze(content: "mountain forest", suppliedEmbedding: supplied))
        vector.settleTerms()
        #expect(vector.sum == before.sum && vector.weight == before.weight && vector.terms.count == 4)
        var wide = ConversationVector()
        wide.add(Self.analyzer.analyze(content: "mountain forest", suppliedEmbedding: supplied))
        #expect(wide.weight == 2 && wide.sum.contains { $0 != 0 } && wide.space != before.space)
    }
}
