import Bytes

/// An answer to a request.
package struct HTTPResponse: Sendable {
    package var status: Int
    package var contentType: String
    /// Besides those that every answer has.
    package var headers: [(name: String, value: String)] = []
    package var body: [UInt8]

    package init(status: Int = 200, contentType: String, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// An answer of JSON.
    package static func json(_ value: JSONValue, status: Int = 200) -> HTTPResponse {
        HTTPResponse(status: status, contentType: "application/json", body: Array(value.text.utf8))
    }

    /// An answer that says why there is no other: what was expected, and what to do next.
    ///
    /// - Parameters:
    ///   - status: 400…599.
    ///   - message: "expected X to be Y, got: Z", without content, user or key.
    ///   - hint: what to do next.
    /// - Returns: the answer.
    package static func failure(_ status: Int, _ message: String, hint: String? = nil) -> HTTPResponse {
        json(
            .object([
                JSONMember(key: "success", value: .bool(false)),
                JSONMember(key: "error", value: .string(message)),
                JSONMember(key: "hint", value: hint.map { .string($0) } ?? .null),
            ]), status: status)
    }

    /// The same answer with one more header.
    package func adding(_ name: String, _ value: String) -> HTTPResponse {
        var response = self
        response.headers.append((name, value))
        return response
    }
}
