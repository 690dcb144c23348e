import Bytes

/// A page of one file, with the policy that lets exactly its own styles and scripts run.
package struct DashboardPage: Sendable {
    package let html: [UInt8]
    /// Names each `<style>` and `<script>` of the page by its hash; whatever else came into it would not run.
    package let policy: String

    /// Takes a page.
    ///
    /// - Parameter html: with elements `<style>` and `<script>` without attributes, no other scripts and no inline
    ///   handlers; it may ask its own server alone.
    package init(_ html: String) {
        self.html = Array(html.utf8)
        let styles = Self.hashes(of: "style", in: html)
        let scripts = Self.hashes(of: "script", in: html)
        policy = [
            "default-src 'none'", "style-src \(styles)", "script-src \(scripts)", "img-src data:",
            "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
        ].joined(separator: "; ")
    }

    private static func hashes(of element: String, in html: String) -> String {
        var found: [String] = []
        var rest = Substring(html)
        while let start = rest.firstRange(of: "<\(element)>") {
            rest = rest[start.upperBound...]
            guard let end = rest.firstRange(of: "</\(element)>") else { break }
            found.append("'sha256-\(Base64.encode(SHA256.hash(Array(rest[..<end.lowerBound].utf8))))'")
            rest = rest[end.upperBound...]
        }
        return found.isEmpty ? "'none'" : found.joined(separator: " ")
    }

    /// The answer to whoever asks for the page.
    package var response: HTTPResponse {
        HTTPResponse(contentType: "text/html; charset=utf-8", body: html)
            .adding("Content-Security-Policy", policy)
    }

    /// A page that says where everything is, without drawing anything.
    package static let links = DashboardPage(
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>Afterthought</title>
        <style>
        :root { color-scheme: light dark; }
        body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 40rem; padding: 0 1rem; }
        </style>
        </head>
        <body>
        <h1>Afterthought</h1>
        <p>What this worker tells:</p>
        <ul>
        <li><a href="/health/ready">whether it is ready</a></li>
        <li><a href="/metrics">metrics</a></li>
        <li><a href="/api/v1/admin/system/health">jobs, and when they run next</a></li>
        <li><a href="/api/v1/admin/tasks/history?limit=20">what ran</a></li>
        <li><a href="/api/clustering/background-status">clustering</a></li>
        <li><a href="/openapi.json">all it can be asked (OpenAPI)</a></li>
        </ul>
        </body>
        </html>
        """)
}
