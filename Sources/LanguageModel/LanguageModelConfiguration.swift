import Bytes

/// Which language model is asked, and how patiently.
package struct LanguageModelConfiguration: Sendable {
    /// The variables that it is read from.
    package static let environmentKeys = [
        "AFTERTHOUGHT_LLM_URL", "AFTERTHOUGHT_LLM_MODEL", "AFTERTHOUGHT_LLM_API_KEY", "AFTERTHOUGHT_LLM_API_KEY_FILE",
        "AFTERTHOUGHT_LLM_CONNECT_SECONDS", "AFTERTHOUGHT_LLM_TIMEOUT_SECONDS", "AFTERTHOUGHT_LLM_ATTEMPTS",
    ]

    package var endpoint: EndpointURL
    /// The model's name, as the endpoint knows it.
    package var model: String
    package var key: Secret?
    /// How long making a connection may take; 0.01…300 s.
    package var connectSeconds = 10.0
    /// How long one attempt may take from its start to the last byte of the answer; 0.01…3600 s.
    package var timeoutSeconds = 60.0
    /// Attempts a call; 1…10.
    package var attemptsMax = 4
    /// Bounds of the pause before the second attempt; they double from there.
    package var pauseMillisecondsFirst: UInt64 = 500
    package var pauseMillisecondsMax: UInt64 = 30_000
    /// An endpoint that asks for a longer pause is left alone.
    package var retryAfterSecondsMax = 120.0
    /// Bytes of an answer's body.
    package var bodyBytesMax = 4 << 20
    /// Bytes of an answer's header lines together.
    package var headerBytesMax = 64 << 10

    package init(endpoint: EndpointURL, model: String, key: Secret? = nil) {
        self.endpoint = endpoint
        self.model = model
        self.key = key
    }

    /// Reads the configuration; nil if `AFTERTHOUGHT_LLM_URL` is not set, which is the default: no content leaves.
    ///
    /// - Parameter environment: variables by name.
    /// - Throws: `LanguageModelError` of the code `configuration`, never with a value that may be secret.
    package init?(environment: [String: String]) throws(LanguageModelError) {
        func value(_ key: String) -> String? { environment[key].flatMap { $0.isEmpty ? nil : $0 } }
        guard let url = value("AFTERTHOUGHT_LLM_URL") else { return nil }
        let endpoint = try EndpointURL(url)
        let model = value("AFTERTHOUGHT_LLM_MODEL") ?? ""
        guard (1...200).contains(model.utf8.count), model.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw LanguageModelError(
                .configuration,
                "expected AFTERTHOUGHT_LLM_MODEL to be a model's name of 1…200 bytes, got: "
                    + (model.isEmpty ? "none" : "another text"),
                hint: "name the model that \(endpoint.authority) is to use, or unset AFTERTHOUGHT_LLM_URL")
        }
        self.init(endpoint: endpoint, model: model)
        switch (value("AFTERTHOUGHT_LLM_API_KEY"), value("AFTERTHOUGHT_LLM_API_KEY_FILE")) {
        case (nil, nil): break
        case (let text?, nil):
            key = try Self.checked { () throws(SecretError) in
                try Secret(text, source: "AFTERTHOUGHT_LLM_API_KEY")
            }
        case (nil, let path?):
            key = try Self.checked { () throws(SecretError) in
                try Secret(file: path, source: "AFTERTHOUGHT_LLM_API_KEY_FILE")
            }
        case (_?, _?):
            throw LanguageModelError(
                .configuration, "expected AFTERTHOUGHT_LLM_API_KEY or AFTERTHOUGHT_LLM_API_KEY_FILE, got: both",
                hint: "unset one of them")
        }
        func number(_ key: String, _ range: ClosedRange<Double>, _ current: Double) throws(LanguageModelError) -> Double
        {
            guard let text = value(key) else { return current }
            if let number = Double(text), range.contains(number) { return number }
            throw LanguageModelError(
                .configuration, "expected \(key) to be \(range.lowerBound)…\(range.upperBound), got: \(text)")
        }
        connectSeconds = try number("AFTERTHOUGHT_LLM_CONNECT_SECONDS", 0.01...300, connectSeconds)
        timeoutSeconds = try number("AFTERTHOUGHT_LLM_TIMEOUT_SECONDS", 0.01...3600, timeoutSeconds)
        attemptsMax = Int(try number("AFTERTHOUGHT_LLM_ATTEMPTS", 1...10, Double(attemptsMax)))
    }

    private static func checked(_ read: () throws(SecretError) -> Secret) throws(LanguageModelError) -> Secret {
        do throws(SecretError) { return try read() } catch {
            throw LanguageModelError(.configuration, error.message)
        }
    }
}
