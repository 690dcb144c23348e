import Bytes
import Postgres
import Support
import Synchronization

@testable import LanguageModel

/// Answers without a network, as a test tells it to.
final class ScriptedTransport: HTTPTransport {
    /// What a question, by its instructions and input, gets; `nil` stands for a connection that failed.
    typealias Answer = @Sendable (_ instructions: String, _ input: String) -> HTTPResponse?

    private let answer: Answer
    private let bodies = Mutex<[String]>([])

    private let failure: @Sendable () -> LanguageModelError

    init(
        _ answer: @escaping Answer,
        failing: @escaping @Sendable () -> LanguageModelError = { LanguageModelError(.connection, "no connection") }
    ) {
        self.answer = answer
        failure = failing
    }

    /// The bodies of all requests.
    var requests: [String] { bodies.withLock { $0 } }

    func post(
        _ body: [UInt8], _ configuration: LanguageModelConfiguration, checkStop: () throws -> Void
    ) throws -> HTTPResponse {
        try checkStop()
        bodies.withLock { $0.append(String(decoding: body, as: UTF8.self)) }
        let messages = try JSONValue(parsing: body)["messages"]
        let contents = (messages?.array ?? []).map { $0["content"]?.string ?? "" }
        guard let response = answer(contents.count > 1 ? contents[0] : "", contents.last ?? "") else {
            throw failure()
        }
        return response
    }

    /// A good answer, with what it took; without tokens the endpoint does not say.
    static func reply(_ text: String, tokens: (Int, Int)? = (10, 5)) -> HTTPResponse {
        let message = JSONValue.object([JSONMember(key: "content", value: .string(text))])
        let choice = JSONValue.object([JSONMember(key: "message", value: message)])
        var members = [JSONMember(key: "choices", value: .array([choice]))]
        if let (prompt, completion) = tokens {
            let usage = [("prompt_tokens", prompt), ("completion_tokens", completion)].map {
                JSONMember(key: $0.0, value: .number(JSONNumber(Int64($0.1))))
            }
            members.append(JSONMember(key: "usage", value: .object(usage)))
        }
        return HTTPResponse(
            status: 200, contentType: "application/json", body: Array(JSONValue.object(members).text.utf8))
    }

    /// A client over it, that loses no time between attempts.
    func client(attempts: Int = 3) throws -> LanguageModelClient {
        var configuration = LanguageModelConfiguration(
            endpoint: try EndpointURL("http://localhost:1/v1"), model: "tiny")
        configuration.attemptsMax = attempts
        configuration.pauseMillisecondsFirst = 1
        configuration.pauseMillisecondsMax = 1
        return LanguageModelClient(configuration, over: self)
    }
}

extension Connection {
    /// The rows of a query as text, cells joined by spaces.
    mutating func lines(_ sql: String) throws -> [String] {
        try textRows(sql).map { $0.map { $0 ?? "null" }.joined(separator: " ") }
    }
}
