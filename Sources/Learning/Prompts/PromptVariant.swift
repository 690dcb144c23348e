import Bytes

/// An example of what an agent is to answer, approved by a person.
package struct PromptExample: Hashable, Sendable {
    package var id: Int64
    package var input: String
    package var output: String
    /// 0…1; nil if nobody rated it.
    package var quality: Double?

    package init(id: Int64, input: String, output: String, quality: Double?) {
        self.id = id
        self.input = input
        self.output = output
        self.quality = quality
    }

    /// Whether it is kept for evaluation and never shown in a prompt: about one in three, always the same ones.
    package var isHeldOut: Bool { StableHash.combine(0x7072_6f6d_7074, UInt64(bitPattern: id)) % 3 == 0 }
}

/// A rewritten prompt.
package struct PromptVariant: Hashable, Sendable {
    /// How a prompt is rewritten.
    package enum Kind: String, CaseIterable, Hashable, Sendable {
        /// The same sentences without hedging and repetition, and what the examples show about the answer's form.
        case clarified
        /// The prompt, followed by examples.
        case fewShot = "few_shot"
        /// The same sentences under headings: role, task, rules, answer.
        case restructured
        /// Clarified, restructured and with examples.
        case combined
    }

    package var kind: Kind
    package var prompt: String
    /// The examples shown in it.
    package var shown: [Int64]
}
