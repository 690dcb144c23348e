import Glibc

/// Asks a language model, within its budget: every call is reserved in the ledger before it is made.
///
/// It blocks: to be called on a thread of the caller's own. What it sends is redacted here, so that nobody can forget.
package struct LanguageModelClient: Sendable {
    package let configuration: LanguageModelConfiguration
    private let transport: any HTTPTransport

    /// Makes a client.
    ///
    /// - Throws: `LanguageModelError` when this build has none.
    package init(_ configuration: LanguageModelConfiguration) throws(LanguageModelError) {
        guard let transport = LanguageModelConfiguration.transport else {
            throw LanguageModelError(
                .configuration,
                "expected a build with the language model, as AFTERTHOUGHT_LLM_URL is set, got: one without",
                hint: "unset it, or build with the trait LanguageModel, which is on by default")
        }
        self.init(configuration, over: transport)
    }

    init(_ configuration: LanguageModelConfiguration, over transport: any HTTPTransport) {
        self.configuration = configuration
        self.transport = transport
    }

    /// Asks, and asks again after failures that pass.
    ///
    /// - Parameters:
    ///   - request: what to ask, as it is: it is redacted here.
    ///   - call: what the ledger is told, and the budget of its subject.
    ///   - ledger: where it is kept.
    ///   - checkStop: called several times a second; what it throws ends the call.
    /// - Returns: the answer and the ledger's row of it.
    /// - Throws: `LanguageModelError`; of the ledger; what `checkStop` throws.
    package func ask(
        _ request: ChatRequest, for call: LedgerCall, _ ledger: LanguageModelLedger, checkStop: () throws -> Void
    ) throws -> (reply: ChatReply, entry: Int64) {
        let request = request.redacted
        let body = request.body(model: configuration.model)
        var policy = RetryPolicy(configuration)
        while true {
            try checkStop()
            let entry = try ledger.reserve(
                call, model: configuration.model, promptTokens: request.promptTokensMax,
                completionTokens: request.completionTokensMax)
            var retryAfter: Double?
            do {
                let response = try transport.post(body, configuration, checkStop: checkStop)
                if let field = response.retryAfter { retryAfter = RetryAfter.seconds(field, date: response.date) }
                let reply = try ChatReply(response)
                try ledger.settle(entry, reply)
                return (reply, entry)
            } catch let error as LanguageModelError {
                try ledger.settle(entry, error)
                let random = UInt64.random(in: .min ... .max)
                switch policy.handle(error, retryAfterSeconds: retryAfter, random: random) {
                case .giveUp: throw error
                case .retry(let milliseconds): try Self.wait(milliseconds, checkStop)
                }
            }
            // Any other error leaves the reservation as it is: what the endpoint charges for a call that was cut off
            // is not known, so the whole of it counts.
        }
    }

    private static func wait(_ milliseconds: UInt64, _ checkStop: () throws -> Void) throws {
        var left = milliseconds
        while left > 0 {
            try checkStop()
            let step = min(left, 200)
            usleep(UInt32(step) * 1000)
            left -= step
        }
    }
}
