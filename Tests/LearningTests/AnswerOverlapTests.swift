import Learning
import Testing

@Suite("Overlap of answers")
struct AnswerOverlapTests {
    @Test func itIsF1OfWords() {
        #expect(AnswerOverlap.score("The cat sat.", expected: "the cat sat") == 1)
        #expect(AnswerOverlap.score("sat cat the", expected: "the cat sat") == 1)
        #expect(AnswerOverlap.score("a dog", expected: "the cat") == 0)
        // Two of three answered, two of four expected: 2 · (2/3) · (1/2) / (2/3 + 1/2).
        #expect(abs(AnswerOverlap.score("the cat ran", expected: "the black cat sat") - 4.0 / 7) < 1e-15)
        // A word counts as often as both have it.
        #expect(abs(AnswerOverlap.score("no no no", expected: "no way") - 2.0 / 5) < 1e-15)
    }

    @Test func nothingIsLikeNothingAlone() {
        #expect(AnswerOverlap.score(" …", expected: "") == 1)
        #expect(AnswerOverlap.score("", expected: "word") == 0 && AnswerOverlap.score("word", expected: "!") == 0)
    }

    @Test func scriptsWithoutSpacesAreComparedByCharacter() {
        #expect(abs(AnswerOverlap.score("我爱猫", expected: "我爱狗") - 2.0 / 3) < 1e-15)
        #expect(AnswerOverlap.score("straße 7", expected: "Straße 7!") == 1)
    }
}
