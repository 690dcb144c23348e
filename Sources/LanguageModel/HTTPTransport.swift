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
    /// How this build reaches an endpoint; nil: it was built without the trait `LanguageModel`, and can't.
    static var transport: (any HTTPTransport)? {
        #if LanguageModel
            return CurlTransport()
        #else
            return nil
        #endif
    }
}
