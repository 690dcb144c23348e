/// Why no private server can be had.
package struct EmbeddedError: Error, Equatable, Sendable, CustomStringConvertible {
    package let message: String
    /// What to do next.
    package let hint: String

    init(_ message: String, hint: String) {
        self.message = message
        self.hint = hint
    }

    package var description: String { "\(message)\nhint: \(hint)" }
}
