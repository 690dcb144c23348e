import Bytes
import Jobs
import Postgres

/// Names clusters by asking a language model about their keywords.
package struct LanguageModelClusterNamer: ClusterNamer {
    private let client: LanguageModelClient
    private let options: ConnectionOptions

    /// Makes a namer.
    ///
    /// - Parameters:
    ///   - client: of the model.
    ///   - options: where the ledger is.
    package init(_ client: LanguageModelClient, options: ConnectionOptions) {
        self.client = client
        self.options = options
    }

    package var name: String { client.configuration.model }

    package func names(
        for keywords: [[String]], checkStop: () throws -> Void
    ) throws -> (names: [String?], refusal: String?) {
        var names: [String?] = []
        do {
            let ledger = try LanguageModelLedger(options)
            for words in keywords { names.append(try client.label(keywords: words, ledger, checkStop: checkStop)) }
        } catch let error as LanguageModelError {
            return (names, error.message)
        } catch let error as PostgresError {
            return (names, error.description)
        }
        return (names, nil)
    }
}

extension LanguageModelClient {
    /// A name for a cluster of conversations, of one to five words.
    ///
    /// - Parameters:
    ///   - keywords: the cluster's, best first; nothing else about it is sent.
    ///   - ledger: where the call is kept, under the purpose `cluster_label`.
    ///   - checkStop: called several times a second; what it throws ends the call.
    /// - Returns: the name, or nil if the model's answer is none: keep the keywords then.
    /// - Throws: as `ask`.
    package func label(
        keywords: [String], _ ledger: LanguageModelLedger, checkStop: () throws -> Void
    ) throws -> String? {
        guard !keywords.isEmpty else { return nil }
        let input = keywords.prefix(8).joined(separator: ", ")
        let key = Hexadecimal.encode(Array(SHA256.hash(Array(input.utf8)).prefix(16)))
        let request = ChatRequest(
            instructions: "The user gives keywords of a group of conversations. Answer with a name for the group: "
                + "one to five words, no punctuation, in the language of the keywords.",
            input: input, completionTokensMax: 64)
        let call = LedgerCall(purpose: "cluster_label", subject: key)
        let answer = try ask(request, for: call, ledger, checkStop: checkStop).reply.text
        return Self.name(in: answer)
    }

    /// The name that an answer is; nil if it is a sentence, several lines, or nothing.
    static func name(in answer: String) -> String? {
        let lines = answer.split(whereSeparator: \.isNewline).filter { line in line.contains { !$0.isWhitespace } }
        guard lines.count == 1 else { return nil }
        let words = lines[0].split { $0.isWhitespace || "\"'`*#.:;!?“”„«»".contains($0) }
        let name = words.joined(separator: " ")
        guard (1...5).contains(words.count), name.utf8.count <= 80 else { return nil }
        return name
    }
}
