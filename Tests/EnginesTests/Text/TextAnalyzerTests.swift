import Bytes
import Engines
import Testing

let shippedAnalyzer = TextAnalyzer(table: shippedTable)

func analysis(_ content: String) -> MessageAnalysis { shippedAnalyzer.analyze(content: content) }

@Suite("Text analysis: questions and cues")
struct TextRuleTests {
    @Test(
        "kinds of question",
        arguments: [
            ("What time is it?", .wh), ("what do you think", .wh), ("whats your name", .wh),
            ("how many dogs do you have", .wh),
            ("so where are you from", .wh), ("Do you like it?", .polar), ("do you like it", .polar),
            ("You did it?", .polar),
            ("Is it raining", .polar), ("is that so", .polar), ("Hey, can you help me", .polar),
            ("Do you want tea or coffee?", .alternative), ("are you coming or not?", .polar),
            ("You like it, right?", .tag), ("It's cold, isn't it?", .tag), ("he left, didn't he?", .tag),
            ("Who cares?", .rhetorical), ("what the hell?", .rhetorical),
            ("What a day", .none), ("when i was young i had a dog", .none), ("do not go there", .none),
            ("That is what I think.", .none), ("Who did it matters.", .none), ("I don't know what to say", .none),
            ("is.", .none), ("Nice. How are you? I am fine.", .wh), ("", .none), ("?", .none), ("どこですか？", .polar),
            ("هل أنت بخير؟", .polar), ("What?!", .wh), ("whatever", .none), ("island", .none),
        ] as [(String, QuestionKind)])
    func questions(text: String, expected: QuestionKind) {
        #expect(analysis(text).questionKind == expected)
        #expect(analysis(text).isQuestion == (expected != .none))
    }

    @Test(
        "cues that are there",
        arguments: [
            ("By the way, I saw Anna", .topicShift), ("Anyway what's new", .topicShift),
            ("BTW that is fun", .topicShift),
            ("Speaking of food, are you hungry?", .topicShift), ("ok so anyway, back to work", .topicShift),
            ("ok", .backchannel), ("LOL", .backchannel), ("yeah haha", .backchannel), ("I see", .backchannel),
            ("hahahahah", .backchannel), ("👍", .backchannel), ("oh really", .backchannel), ("Yesss!!", .backchannel),
            ("Hi there", .greeting), ("oh hey", .greeting), ("Good morning!", .greeting), ("ok bye", .farewell),
            ("gotta go now", .farewell), ("Thank you so much", .thanks), ("thx", .thanks), ("Sorry, my bad", .apology),
            ("I'm so sorry", .apology), ("so sorry to hear that", .empathy), ("I am a nurse", .selfDisclosure),
            ("i live in utah", .selfDisclosure), ("My dog is ill", .selfDisclosure),
            ("I really like jazz", .preference),
            ("I’m going to Rome", .plan), ("I'll call you", .plan), ("let's eat", .plan),
            ("Can you send it", .unresolvedRequest),
            ("could you help", .unresolvedRequest), ("How do I install it?", .unresolvedRequest),
            ("never mind", .resolved),
            ("please stop messaging me", .optOut), ("Ok, leave me alone", .optOut),
            ("Well, you can text me again", .optIn), ("I agree with that", .agreement),
            ("i don't think so", .disagreement),
            ("that is funny lol", .laughter), ("ahahaha", .laughter),
            ("Good luck tomorrow", .encouragement), ("well done!", .encouragement),
            ("I would come but", .unfinished), ("it is in the", .unfinished), ("so um", .unfinished),
            ("well", .unfinished),
        ] as [(String, CueSet)])
    func cues(text: String, expected: CueSet) {
        #expect(analysis(text).cues.isSuperset(of: expected))
    }

    @Test(
        "cues that are not there: parts of words, other meanings, other places",
        arguments: [
            ("the bywater is low", .topicShift), ("I would do it anyway", .topicShift),
            ("ok I will buy two", .backchannel), ("people dont text me back", .optOut),
            ("and then she said leave me alone", .optOut),
            ("lol?", .backchannel), ("okra", .backchannel), ("this is a hit", .greeting), ("say hi to her", .greeting),
            ("goodbyes", .farewell), ("sorry to hear that", .apology), ("I'm sorry to hear that", .apology),
            ("I am going to Rome", .selfDisclosure), ("can you fix it? never mind", .unresolvedRequest),
            ("leave me alone please", .unresolvedRequest), ("can you believe it", .unresolvedRequest),
            ("thankful heart", .thanks), ("bye. the way", .topicShift), ("imagine", .selfDisclosure),
            ("I think so", .unfinished), ("I would come, but.", .unfinished), ("is it the", .unfinished),
            ("uh", .backchannel), ("get well", .unfinished),
        ] as [(String, CueSet)])
    func noCues(text: String, unexpected: CueSet) {
        #expect(analysis(text).cues.isDisjoint(with: unexpected))
    }

    @Test("persons, hedges and politeness are counted by word")
    func counts() {
        let result = analysis("I think my friend and I might come, maybe. Would you mind? You're kind, please!")
        #expect(result.firstPerson == 3 && result.secondPerson == 2)
        #expect(result.hedges == 3 && result.politenessCues == 2)
        #expect(analysis("mind the gap, mining island").firstPerson == 0)
    }

    @Test("formality rises from slang to a letter")
    func formality() {
        let casual = analysis("lol idk u gonna come or nah 😂😂").formality
        let plain = analysis("I think we could meet tomorrow").formality
        let formal = analysis("Dear madam, I would appreciate additional information regarding the appointment.")
            .formality
        #expect(0 <= casual && casual + 0.2 < plain && plain + 0.1 < formal && formal <= 1)
    }

    @Test("terms are content words, singular, once, in order, accents kept")
    func terms() {
        let result = analysis("The cities and a city's Cafés; café boxes, buses of the class. DOGS don't bark, it's 12")
        #expect(result.terms.map(\.text) == ["city", "café", "box", "buse", "class", "dog", "bark"])
        #expect(result.terms.map(\.count) == [2, 2, 1, 1, 1, 1, 1])
        #expect(analysis("cafe").terms.first?.hash == analysis("CAFE\u{301}S").terms.first?.hash)
        #expect(analysis("see https://example.com/a?b=c#d now").terms.isEmpty)
        let many = (0..<100).map {
            "word\(String(UnicodeScalar(UInt8(97 + $0 % 26))))\(String(UnicodeScalar(UInt8(97 + $0 / 26))))"
        }
        #expect(analysis(many.joined(separator: " ")).terms.count == 32)
    }

    @Test("sentences, exclamations and capitals")
    func sentences() {
        #expect(analysis("Mr. Smith paid 3.50 at shop.example. Really?! Yes...").sentenceCount == 3)
        #expect(analysis("one\r\ntwo\r\n\r\nthree").sentenceCount == 3)
        #expect(analysis("no way!!!").exclamations == 3)
        #expect(analysis("ABcd").capsRatio == 0.5)
        #expect(analysis("123").capsRatio == 0)
    }
}

@Suite("Text analysis: emotion")
struct TextEmotionTests {
    @Test(
        "the emotion that stands out",
        arguments: [
            ("I love this so much!", .joy), ("I am so sad and lonely", .sadness), ("this makes me furious", .anger),
            ("I'm scared of the dark", .fear), ("ew that is disgusting", .disgust),
            ("wow I did not expect that", .surprise),
            ("the train leaves at nine", .neutral), ("sooooo happyyyy", .joy), ("😭😭", .sadness), ("great :)", .joy),
            ("I am not happy", .sadness), ("no, I love it", .joy), ("I'm not afraid", .neutral), ("", .neutral),
        ] as [(String, EmotionKind)])
    func dominant(text: String, expected: EmotionKind) {
        #expect(analysis(text).emotion.dominant == expected)
    }

    @Test("negation turns valence, intensifiers raise it")
    func valence() {
        func valence(_ text: String) -> Double { analysis(text).emotion.valence }
        #expect(valence("it was not good") < 0 && valence("it was good") > 0)
        #expect(valence("very good") > valence("good") && valence("slightly good") < valence("good"))
        #expect(valence("it is not bad") > 0)
        #expect(analysis("I HATE IT!!!").emotion.arousal > analysis("I hate it").emotion.arousal)
    }

    @Test("supplied labels are mapped and made a distribution")
    func supplied() {
        let result = shippedAnalyzer.analyze(
            content: "I hate it",
            suppliedEmotion: [("Joy", 0.3), ("gratitude", 0.3), ("anger", 0.2), ("x", 9), ("fear", .nan)])
        #expect(result.emotion.source == .supplied)
        #expect(abs(result.emotion.joy - 0.6) < 1e-12 && abs(result.emotion.neutral - 0.2) < 1e-12)
        let percent = shippedAnalyzer.analyze(content: "a", suppliedEmotion: [("joy", 75), ("sadness", 25)])
        #expect(percent.emotion.joy == 0.75 && percent.emotion.neutral == 0)
        for useless in [[], [("joy", Double.nan)], [("joy", -1)], [("unheard-of", 1)]] as [[(String, Double)]] {
            #expect(shippedAnalyzer.analyze(content: "I hate it", suppliedEmotion: useless).emotion.source == .computed)
        }
    }

    @Test("probabilities add up to one", arguments: ["", "I love it, you idiot!!! wow :( 😱 eww", "x", "愛"])
    func distribution(text: String) {
        let emotion = analysis(text).emotion
        #expect(abs(EmotionKind.allCases.reduce(0) { $0 + emotion[$1] } - 1) < 1e-12)
        #expect((-1...1).contains(emotion.valence) && (0...1).contains(emotion.arousal))
    }

    @Test("what the rules cannot read is not called neutral by computation")
    func noSource() {
        #expect(analysis("Завтра будет дождь").emotion.source == .none)
        #expect(analysis("Завтра будет дождь 😭").emotion.dominant == .sadness)
    }
}
