/// Headers that every answer has: a browser is to run nothing in it, frame it nowhere, guess no type and keep no copy.
enum SecurityHeaders {
    static let all: [(name: String, value: String)] = [
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Frame-Options", "DENY"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ]
    static let nothingRuns = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

    /// Adds them; an answer that has a policy of its own keeps it.
    static func added(to response: HTTPResponse) -> HTTPResponse {
        var response = response
        response.headers += all
        if !response.headers.contains(where: { $0.name == "Content-Security-Policy" }) {
            response.headers.append(("Content-Security-Policy", nothingRuns))
        }
        return response
    }
}
