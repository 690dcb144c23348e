import Bytes

/// What a language model is asked.
package struct ChatRequest: Hashable, Sendable {
    /// What it is to do; empty for nothing.
    package var instructions: String
    package var input: String
    /// Tokens that the answer may have; 1…100,000.
    package var completionTokensMax: Int

    package init(instructions: String, input: String, completionTokensMax: Int) {
        precondition(
            (1...100_000).contains(completionTokensMax),
            "expected an answer of 1…100000 tokens at most, got: \(completionTokensMax)")
        self.instructions = instructions
        self.input = input
        self.completionTokensMax = completionTokensMax
    }

    /// The same request without what must not leave.
    var redacted: ChatRequest {
        ChatRequest(
            instructions: Redaction.redacted(instructions), input: Redaction.redacted(input),
            completionTokensMax: completionTokensMax)
    }

    /// Tokens that the request can't exceed: a token is a byte at least, and each message has a frame around it.
    var promptTokensMax: Int { instructions.utf8.count + input.utf8.count + 64 }

    /// The request's body, in the form of OpenAI's chat completions.
    func body(model: String) -> [UInt8] {
        var json = JSONWriter(reservingBytes: instructions.utf8.count + input.utf8.count + 256)
        json.beginObject()
        json.key("model")
        json.value(model)
        json.key("messages")
        json.beginArray()
        for (role, content) in [("system", instructions), ("user", input)] where !content.isEmpty || role == "user" {
            json.beginObject()
            json.key("role")
            json.value(role)
            json.key("content")
            json.value(content)
            json.endObject()
        }
        json.endArray()
        json.key("max_tokens")
        json.value(completionTokensMax)
        // The same question is to get the same answer, as far as the model can.
        json.key("temperature")
        json.value(0)
        json.key("stream")
        json.value(false)
        json.endObject()
        return json.bytes
    }
}

/// What a language model answered.
package struct ChatReply: Hashable, Sendable {
    package var text: String
    /// What the endpoint counted; nil: it did not say.
    package var promptTokens: Int?
    package var completionTokens: Int?

    static let limits = JSONLimits(bytesMax: 16 << 20, depthMax: 32, valuesMax: 100_000)

    /// Reads a response.
    ///
    /// Bytes that are no UTF-8 become U+FFFD: one broken character need not cost an answer that was paid for.
    ///
    /// - Throws: `LanguageModelError`, without a word of the response.
    init(_ response: HTTPResponse) throws(LanguageModelError) {
        try Self.check(response)
        let value: JSONValue
        do { value = try JSONValue(parsing: UTF8Text.string(response.body.span), limits: Self.limits) } catch {
            throw LanguageModelError(.malformed, "the endpoint's answer is no JSON: \(error.description)")
        }
        guard let text = value["choices"]?[0]?["message"]?["content"]?.string else {
            throw LanguageModelError(
                .malformed, "expected choices[0].message.content in the endpoint's answer, got: none")
        }
        self.text = text
        func count(_ key: String) -> Int? {
            guard let number = value["usage"]?[key]?.int64, (0...1_000_000_000).contains(number) else { return nil }
            return Int(number)
        }
        promptTokens = count("prompt_tokens")
        completionTokens = count("completion_tokens")
    }

    private static func check(_ response: HTTPResponse) throws(LanguageModelError) {
        switch response.status {
        case 200...299: break
        case 300...399:
            throw LanguageModelError(
                .refused, "the endpoint redirects (status \(response.status)), which is not followed",
                hint: "set AFTERTHOUGHT_LLM_URL to the address that it redirects to, if you trust it")
        case 408, 429, 500...599:
            throw LanguageModelError(.busy, "the endpoint is busy or out of order (status \(response.status))")
        case 401, 403:
            throw LanguageModelError(
                .refused, "the endpoint refused the key (status \(response.status))",
                hint: "look at AFTERTHOUGHT_LLM_API_KEY")
        case 400, 413, 414, 422, 431, 451:
            throw LanguageModelError(
                .refusedRequest, "the endpoint refused this request (status \(response.status))",
                hint: "look at AFTERTHOUGHT_LLM_MODEL, if it refuses all")
        default:
            throw LanguageModelError(
                .refused, "the endpoint refused (status \(response.status))",
                hint: "look at AFTERTHOUGHT_LLM_URL and AFTERTHOUGHT_LLM_MODEL")
        }
        let type = response.contentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        guard type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json")) else {
            throw LanguageModelError(
                .refused, "expected JSON from the endpoint, got: another type of content",
                hint: "look at AFTERTHOUGHT_LLM_URL: it has to name the API, such as https://host/v1")
        }
    }
}
