import Testing

@testable import Learning

@Suite("Prompt variants")
struct PromptVariantsTests {
    private static let prompt = """
        You are Elena, a marine biologist.   Please try to help people understand the sea.
        Never invent sources! Reply in plain words.
        Never invent sources!
        Ask about 3.5 things at most.
        """

    private static func examples(_ count: Int64 = 30, output: (Int64) -> String = { "It is the tide, number \($0)." })
        -> [PromptExample]
    {
        (1...count).map {
            PromptExample(id: $0, input: "Why \($0 % 4) does the sea \($0 % 7) move?", output: output($0), quality: 0.9)
        }
    }

    private func prompts(_ examples: [PromptExample]) -> [PromptVariant.Kind: PromptVariant] {
        Dictionary(
            uniqueKeysWithValues: PromptVariants(prompt: Self.prompt, examples: examples).all().map { ($0.kind, $0) })
    }

    @Test func thereAreFourAndTheyAreAlwaysTheSame() {
        let variants = PromptVariants(prompt: Self.prompt, examples: Self.examples()).all()
        #expect(variants.map(\.kind) == [.clarified, .fewShot, .restructured, .combined])
        #expect(variants == PromptVariants(prompt: Self.prompt, examples: Self.examples().reversed()).all())
        #expect(Set(variants.map(\.prompt)).count == 4 && !variants.contains { $0.prompt == Self.prompt })
    }

    @Test func clarifyingTakesOutHedgesAndRepetitionsOnly() throws {
        let text = try #require(prompts([])[.clarified]).prompt
        #expect(
            text == """
                You are Elena, a marine biologist.
                Help people understand the sea.
                Never invent sources!
                Reply in plain words.
                Ask about 3.5 things at most.
                """)
    }

    @Test func restructuringKeepsEverySentenceOnce() throws {
        let text = try #require(prompts([])[.restructured]).prompt
        #expect(
            text == """
                ## Role
                You are Elena, a marine biologist.

                ## Task
                Please try to help people understand the sea.
                Ask about 3.5 things at most.

                ## Rules
                - Never invent sources!
                - Never invent sources!

                ## Answer
                - Reply in plain words.
                """)
    }

    @Test func heldOutExamplesAreNeverShown() throws {
        let examples = Self.examples(200)
        let held = examples.filter(\.isHeldOut)
        #expect(held.count > 40 && held.count < 95, "\(held.count)")
        let variants = prompts(examples)
        let shown = try #require(variants[.fewShot]).shown
        #expect(shown.count == PromptVariants.shownMax && Set(shown).isDisjoint(with: held.map(\.id)))
        #expect(shown == variants[.combined]?.shown)
        let fewShot = try #require(variants[.fewShot]).prompt
        #expect(fewShot.hasPrefix(Self.prompt))
        for id in shown { #expect(fewShot.contains("number \(id).")) }
        let onlyHeldOut = prompts(held)
        #expect(onlyHeldOut[.fewShot]?.prompt == Self.prompt && onlyHeldOut[.fewShot]?.shown == [])
    }

    @Test func shownExamplesAreGoodAndUnlikeEachOther() throws {
        var examples = Self.examples(30)
        for index in examples.indices { examples[index].input = "the very same question" }
        let odd = try #require(examples.indices.last { !examples[$0].isHeldOut })
        examples[odd].input = "quite another matter"
        examples[odd].quality = 0.6
        let shown = try #require(prompts(examples)[.fewShot]).shown
        #expect(shown[1] == examples[odd].id, "\(shown)")
    }

    @Test func theFormOfAnswersIsReadOffTheExamples() throws {
        let json = try #require(prompts(Self.examples(30) { #"{"answer": \#($0)}"# })[.clarified]).prompt
        #expect(json.contains("Answer with one JSON object alone."))
        let questions = try #require(prompts(Self.examples(30) { _ in "And what do you think?" })[.clarified]).prompt
        #expect(questions.contains("End with a question.") && questions.contains("Answer in about 5 words."))
        let few = try #require(prompts(Self.examples(3) { _ in "And what do you think?" })[.clarified]).prompt
        #expect(!few.contains("End with a question."))
    }

    @Test func longExamplesAreCutAndOddPromptsPass() throws {
        let long = Self.examples(30) { _ in String(repeating: "ü", count: 5_000) }
        #expect(try #require(prompts(long)[.fewShot]).prompt.count < 5_000)
        for prompt in ["", " \n ", "…", "1. One\n2. Two", "👩‍👩‍👧 please"] {
            #expect(PromptVariants(prompt: prompt, examples: []).all().count == 4)
        }
    }
}
