import Bytes
import Jobs
import Learning
import Postgres

/// Evaluates prompts by asking a language model for the answers to held-out examples.
///
/// The score of an example is the overlap of the answer's words with those of the expected answer (`AnswerOverlap`),
/// so the same answers give the same score, and no second model has to be trusted. Each score is kept in the ledger as
/// a number: an evaluation that was cut off goes on where it was, and the prompt as it is is paid for once, not once a
/// variant.
package struct LanguageModelPromptEvaluator: PromptEvaluator {
    private static let purpose = "prompt_evaluation"
    /// Grows when the same answers would get another score.
    private static let version = "1"
    static let completionTokensMin = 256
    static let completionTokensMax = 4096

    private let client: LanguageModelClient
    private let options: ConnectionOptions

    /// Makes an evaluator.
    ///
    /// - Parameters:
    ///   - client: of the model.
    ///   - options: where the ledger is.
    package init(_ client: LanguageModelClient, options: ConnectionOptions) {
        self.client = client
        self.options = options
    }

    package var name: String { client.configuration.model }

    package func evaluate(
        _ request: PromptEvaluationRequest, checkStop: () throws -> Void
    ) throws -> PromptEvaluation {
        let ledger = try LanguageModelLedger(options)
        let examples = request.examples.sorted { $0.id < $1.id }
        let call = LedgerCall(
            purpose: Self.purpose, subject: subject(request.prompt, request.basePrompt, examples),
            subjectTokensMax: request.tokensMax, subjectUSDMax: request.usdMax)
        var scores: (base: Double?, own: Double?) = (nil, nil)
        do {
            if !examples.isEmpty {
                scores.base = try score(request.basePrompt, examples, call, ledger, checkStop)
                scores.own = try score(request.prompt, examples, call, ledger, checkStop)
            }
        } catch let error as LanguageModelError {
            if error.isAboutOneRequest {
                // The next variant may be answered: only this one goes without a score, and says why.
                try ledger.note(
                    prompt: request.prompt, basePrompt: request.basePrompt,
                    refusal: "the language model gave no answer: \(error.message)")
            } else if error.code != .budget {
                throw JobFailure(error.description)
            }
            // Out of budget: what was found so far is kept for the day when there is more of it.
        }
        let spent = try ledger.spent(call)
        return PromptEvaluation(
            score: scores.own, baseScore: scores.base, tokensSpent: spent.tokens, usdSpent: spent.usd)
    }

    /// The mean over the examples.
    private func score(
        _ prompt: String, _ examples: [PromptExample], _ call: LedgerCall, _ ledger: LanguageModelLedger,
        _ checkStop: () throws -> Void
    ) throws -> Double {
        var sum = 0.0
        for example in examples {
            var call = call
            call.callKey = key([prompt, example.input, example.output])
            if let known = try ledger.result(call, model: name) {
                sum += known
                continue
            }
            let request = ChatRequest(
                instructions: prompt, input: example.input, completionTokensMax: Self.tokensMax(example.output))
            let (reply, entry) = try client.ask(request, for: call, ledger, checkStop: checkStop)
            // What was replaced in the question can't be in the answer.
            let score = AnswerOverlap.score(
                Redaction.redacted(reply.text), expected: Redaction.redacted(example.output))
            try ledger.note(entry, result: score)
            sum += score
        }
        return sum / Double(examples.count)
    }

    /// Tokens for an answer twice as long as the expected one: a token is a byte at least.
    private static func tokensMax(_ expected: String) -> Int {
        min(completionTokensMax, max(completionTokensMin, 2 * expected.utf8.count))
    }

    private func subject(_ prompt: String, _ base: String, _ examples: [PromptExample]) -> String {
        key([prompt, base] + examples.flatMap { [String($0.id), $0.input, $0.output] })
    }

    /// A hash of texts, in which none runs over into the next.
    private func key(_ texts: [String]) -> String {
        var bytes: [UInt8] = []
        for text in [Self.version, name] + texts {
            bytes += "\(text.utf8.count):".utf8
            bytes += text.utf8
        }
        return Hexadecimal.encode(Array(SHA256.hash(bytes).prefix(16)))
    }
}
