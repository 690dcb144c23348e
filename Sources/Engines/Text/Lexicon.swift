import Bytes

/// What is known of a word, as a set.
struct WordTraits: OptionSet {
    let rawValue: UInt32

    /// A function word: never a term.
    static let stop = WordTraits(rawValue: 1 << 0)
    static let negation = WordTraits(rawValue: 1 << 1)
    static let intensifier = WordTraits(rawValue: 1 << 2)
    static let diminisher = WordTraits(rawValue: 1 << 3)
    static let firstPerson = WordTraits(rawValue: 1 << 4)
    static let secondPerson = WordTraits(rawValue: 1 << 5)
    /// Can begin a question of who, what, when.
    static let wh = WordTraits(rawValue: 1 << 6)
    /// Can begin a question of yes or no.
    static let auxiliary = WordTraits(rawValue: 1 << 7)
    /// Can be the subject after an auxiliary.
    static let subject = WordTraits(rawValue: 1 << 8)
    static let contraction = WordTraits(rawValue: 1 << 9)
    static let slang = WordTraits(rawValue: 1 << 10)
    static let formal = WordTraits(rawValue: 1 << 11)
    static let backchannel = WordTraits(rawValue: 1 << 12)
    static let laughter = WordTraits(rawValue: 1 << 13)
    /// Takes a full stop that ends no sentence.
    static let abbreviation = WordTraits(rawValue: 1 << 14)
    /// Begins some phrase.
    static let phraseStart = WordTraits(rawValue: 1 << 15)
    /// May stand before the first word of a question.
    static let filler = WordTraits(rawValue: 1 << 16)
    /// At the end of a statement makes it a tag question.
    static let tag = WordTraits(rawValue: 1 << 17)
    static let hedge = WordTraits(rawValue: 1 << 18)
    static let polite = WordTraits(rawValue: 1 << 19)
    static let or = WordTraits(rawValue: 1 << 20)
    /// Never the last word of a finished sentence.
    static let leading = WordTraits(rawValue: 1 << 21)
    /// Holds the floor when there is nothing else.
    static let hesitation = WordTraits(rawValue: 1 << 22)
}

/// What is known of a word.
struct LexiconEntry {
    var traits: WordTraits = []
    var emotion = EmotionKind.neutral
    /// How strongly it shows the emotion, 0…1.5.
    var weight = 0.0
    /// How pleasant it is, -1.5…1.5.
    var valence = 0.0
    /// Whether the lexicon has the word.
    var isKnown = false
}

/// What a phrase says: a cue, or one of the inner effects above it.
struct PhraseEffect: OptionSet {
    let rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }
    init(_ cues: CueSet) { rawValue = UInt64(cues.rawValue) }

    static let hedge = PhraseEffect(rawValue: 1 << 40)
    static let polite = PhraseEffect(rawValue: 1 << 41)
    static let rhetorical = PhraseEffect(rawValue: 1 << 42)
    /// Counts only where a sentence begins.
    static let atStart = PhraseEffect(rawValue: 1 << 43)
    /// Makes a whole message a backchannel.
    static let backchannel = PhraseEffect(rawValue: 1 << 44)

    var cues: CueSet { CueSet(rawValue: UInt32(truncatingIfNeeded: rawValue)) }
}

/// A place in the tree of phrases.
struct PhraseNode {
    var effect: PhraseEffect = []
    /// Whether a phrase ends here.
    var isEnd = false
}

/// English words and set phrases with what they show; written for this program.
///
/// Words are found by the stable hash of their folded form, phrases by the hashes of their words combined in order.
/// It is small on purpose: what it does not know counts as nothing.
struct Lexicon: Sendable {
    /// The one lexicon.
    static let shared = Lexicon()

    /// Words of the longest phrase.
    static let phraseWordsMax = 6

    private var words = HashedTable<LexiconEntry>(empty: LexiconEntry())
    private var phrases = HashedTable<PhraseNode>(empty: PhraseNode())

    private init() {
        for (traits, list) in Self.traitLists {
            for word in list.split(separator: " ") { change(word) { $0.traits.formUnion(traits) } }
        }
        for (kind, list) in Self.emotionLists { addEmotions(kind, list) }
        for (valence, list) in Self.valenceLists {
            for word in list.split(separator: " ") {
                change(word) { if $0.weight == 0 { $0.valence = valence } }
            }
        }
        for (effect, list) in Self.phraseLists {
            for phrase in list.split(separator: ",") { addPhrase(phrase, effect) }
        }
    }

    /// What is known of the word with this hash.
    @inline(__always)
    func entry(_ hash: UInt64) -> LexiconEntry { words[hash] }

    /// The place that a word leads to from another, or from 0, the root; nil if no phrase goes on so.
    func step(from state: UInt64, hash: UInt64) -> (state: UInt64, node: PhraseNode)? {
        let next = StableHash.combine(state, hash)
        return phrases.value(next).map { (next, $0) }
    }

    /// Whether a byte can be the mouth of a face.
    static func isMouth(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ")"), UInt8(ascii: "("), UInt8(ascii: "]"), UInt8(ascii: "["), UInt8(ascii: "D"),
            UInt8(ascii: "P"), UInt8(ascii: "p"), UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: "|"),
            UInt8(ascii: "O"), UInt8(ascii: "o"), UInt8(ascii: "*"), UInt8(ascii: "3"):
            true
        default: false
        }
    }

    private mutating func change(_ word: Substring, _ body: (inout LexiconEntry) -> Void) {
        words.change(StableHash.hash(word.utf8Bytes)) {
            $0.isKnown = true
            body(&$0)
        }
    }

    /// Adds words that may end in `+`, strong, or `-`, weak.
    private mutating func addEmotions(_ kind: EmotionKind, _ list: String) {
        for item in list.split(separator: " ") {
            let weight = item.hasSuffix("+") ? 1.5 : item.hasSuffix("-") ? 0.6 : 1.0
            let word = weight == 1 ? item : item.dropLast()
            change(word) {
                $0.emotion = kind
                $0.weight = weight
                $0.valence = Emotion.axes(kind).valence * weight
            }
        }
    }

    private mutating func addPhrase(_ phrase: Substring, _ effect: PhraseEffect) {
        let parts = phrase.split { $0 == " " || $0 == "\n" }
        guard let first = parts.first else { return }
        precondition(parts.count <= Self.phraseWordsMax, "expected at most \(Self.phraseWordsMax) words: \(phrase)")
        change(first) { $0.traits.formUnion(.phraseStart) }
        var state: UInt64 = 0
        for part in parts {
            state = StableHash.combine(state, StableHash.hash(part.utf8Bytes))
            phrases.change(state) { _ in }
        }
        phrases.change(state) {
            $0.isEnd = true
            $0.effect.formUnion(effect)
        }
    }
}

extension Substring {
    fileprivate var utf8Bytes: [UInt8] { Array(utf8) }
}

/// An open-addressing table whose keys are hashes already.
struct HashedTable<Value: Sendable>: Sendable {
    private var keys: [UInt64]
    private var values: [Value]
    private var count = 0
    private let empty: Value

    init(empty: Value) {
        self.empty = empty
        keys = [UInt64](repeating: 0, count: 1024)
        values = [Value](repeating: empty, count: 1024)
    }

    /// The value of a key, or the empty one.
    @inline(__always)
    subscript(key: UInt64) -> Value {
        let slot = slot(key)
        return keys[slot] == 0 ? empty : values[slot]
    }

    func value(_ key: UInt64) -> Value? {
        let slot = slot(key)
        return keys[slot] == 0 ? nil : values[slot]
    }

    /// Changes the value of a key, which may be new.
    mutating func change(_ key: UInt64, _ body: (inout Value) -> Void) {
        precondition(key != 0, "expected a hash other than 0, got: 0")
        if count * 2 >= keys.count { grow() }
        let slot = slot(key)
        if keys[slot] == 0 {
            keys[slot] = key
            count += 1
        }
        body(&values[slot])
    }

    @inline(__always)
    private func slot(_ key: UInt64) -> Int {
        let mask = keys.count - 1
        var slot = Int(truncatingIfNeeded: key) & mask
        while keys[slot] != 0, keys[slot] != key { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func grow() {
        let old = (keys, values)
        keys = [UInt64](repeating: 0, count: old.0.count * 2)
        values = [Value](repeating: empty, count: old.0.count * 2)
        for index in old.0.indices where old.0[index] != 0 {
            let slot = slot(old.0[index])
            keys[slot] = old.0[index]
            values[slot] = old.1[index]
        }
    }
}
