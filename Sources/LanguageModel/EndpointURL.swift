/// The address of an OpenAI-compatible endpoint, such as `https://api.example.com/v1`.
///
/// It is no general URL: only http and https, and nothing but a host, a port and a path.
package struct EndpointURL: Hashable, Sendable {
    package let isEncrypted: Bool
    /// As in the URL, in lower case; an IPv6 address with its brackets.
    package let host: String
    package let port: Int?
    /// Without a slash at its end.
    let path: String

    /// Reads an address.
    ///
    /// - Parameter text: with or without `/chat/completions` at its end.
    /// - Throws: `LanguageModelError`; the text is not repeated, as it may hold a password.
    package init(_ text: String) throws(LanguageModelError) {
        func fault(_ expected: String) -> LanguageModelError {
            LanguageModelError(
                .configuration, "expected AFTERTHOUGHT_LLM_URL to be \(expected), got: another text",
                hint: "write https://host/v1; the key belongs into AFTERTHOUGHT_LLM_API_KEY")
        }
        let lowered = text.lowercased()
        guard let scheme = ["https://", "http://"].first(where: { lowered.hasPrefix($0) }) else {
            throw fault("an http or https URL")
        }
        isEncrypted = scheme == "https://"
        let rest = text.dropFirst(scheme.count)
        let isPlain = rest.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\"<>\\^`{|}".utf8.contains($0) }
        guard isPlain else { throw fault("of ASCII without spaces") }
        guard !rest.contains(where: { "@?#".contains($0) }) else {
            throw fault("without a user, a password, a query or a fragment")
        }
        let authority = rest.prefix { $0 != "/" }
        var path = rest.dropFirst(authority.count)
        while path.last == "/" { path = path.dropLast() }
        if path.hasSuffix("/chat/completions") { path = path.dropLast("/chat/completions".count) }
        self.path = String(path)
        let isLiteral = authority.hasPrefix("[")
        let host = isLiteral ? authority.prefix { $0 != "]" } + "]" : authority.prefix { $0 != ":" }
        let after = authority.dropFirst(host.count)
        let letters = isLiteral ? "0123456789abcdef:.[]" : "0123456789abcdefghijklmnopqrstuvwxyz.-_"
        self.host = host.lowercased()
        guard self.host.count > (isLiteral ? 3 : 0), self.host.allSatisfy({ letters.contains($0) }) else {
            throw fault("a URL with a host")
        }
        if after.isEmpty {
            port = nil
        } else {
            guard after.first == ":", let number = Int(after.dropFirst()), (1...65535).contains(number) else {
                throw fault("a URL whose port is 1…65535")
            }
            port = number
        }
    }

    /// The host with its port, where the address names one.
    package var authority: String { host + (port.map { ":\($0)" } ?? "") }

    /// Where chat completions are asked for.
    var chatCompletions: String { (isEncrypted ? "https://" : "http://") + authority + path + "/chat/completions" }

    /// Whether the host is this machine by its name or address.
    package var isLoopback: Bool {
        if host == "localhost" || host.hasSuffix(".localhost") || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
