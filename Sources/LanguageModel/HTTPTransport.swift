/// What came back from an endpoint.
struct HTTPResponse: Hashable, Sendable {
    var status: Int
    var contentType = ""
    var retryAfter: String?
    var date: String?
    var body: [UInt8] = []
}

/// Sends one request and brings its response back.
protocol HTTPTransport: Sendable {
    /// Posts a JSON body to the endpoint's chat completions.
    ///
    /// - Parameters:
    ///   - body: UTF-8.
    ///   - configuration: where to, and the limits.
    ///   - checkStop: called several times a second; what it throws ends the request.
    /// - Returns: the response, whatever its status.
    /// - Throws: `LanguageModelError`; what `checkStop` throws.
    func post(
        _ body: [UInt8], _ configuration: LanguageModelConfiguration, checkStop: () throws -> Void
    ) throws -> HTTPResponse
}

extension LanguageModelConfiguration {
    /// Whether this build can reach a language model at all: it was built with the trait `LanguageModel`.
    package static var isAvailable: Bool { transport != nil }

    static var transport: (any HTTPTransport)? {
        #if LanguageModel
            return CurlTransport()
        #else
            return nil
        #endif
    }
}
