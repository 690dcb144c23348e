/// Why a language model did not answer.
///
/// It carries neither what was asked nor what came back, nor the key.
package struct LanguageModelError: Error, Hashable, CustomStringConvertible {
    /// What kind of failure it is.
    package enum Code: Hashable, Sendable {
        /// A setting of this process is not what it has to be.
        case configuration
        /// The endpoint could not be reached, or the connection ended before the answer did.
        case connection
        /// It took longer than allowed.
        case timeout
        /// The endpoint is busy or out of order for the moment: 408, 429 and 5xx.
        case busy
        /// The endpoint refused this one request, and may take others: 400, 413, 414, 422, 431 and 451.
        case refusedRequest
        /// The endpoint refused: any other status.
        case refused
        /// The answer is larger than allowed.
        case tooLarge
        /// The answer is none that is understood.
        case malformed
        /// The token or money budget does not allow the call.
        case budget
    }

    package var code: Code
    package var message: String
    package var hint: String?

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    package var description: String { hint.map { "\(message) (hint: \($0))" } ?? message }

    /// Whether the same call may succeed a little later.
    var isPassing: Bool {
        switch code {
        case .connection, .timeout, .busy, .malformed: true
        case .configuration, .refusedRequest, .refused, .tooLarge, .budget: false
        }
    }

    /// Whether it says nothing about other requests: the endpoint is there, and the next question may be answered.
    var isAboutOneRequest: Bool {
        switch code {
        case .refusedRequest, .tooLarge, .malformed: true
        case .configuration, .connection, .timeout, .busy, .refused, .budget: false
        }
    }

    /// Whether an endpoint that fails like this may charge for the call all the same.
    var mayBeCharged: Bool {
        switch code {
        case .timeout, .connection, .malformed, .tooLarge: true
        case .configuration, .busy, .refusedRequest, .refused, .budget: false
        }
    }
}
