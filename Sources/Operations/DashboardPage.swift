import Bytes
import Store

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

    /// The page that ships with the program.
    package static let shipped = DashboardPage(Self.put(together: PageAsset.all))

    /// Puts styles and scripts in the place of the marks that the markup has for them.
    static func put(together parts: [PageAsset]) -> String {
        func joined(_ ending: String) -> String {
            parts.filter { $0.name.hasSuffix(ending) }.map(\.text).joined(separator: "\n")
        }
        var html = joined(".html")
        for (mark, element, ending) in [("<!-- styles -->", "style", ".css"), ("<!-- scripts -->", "script", ".js")] {
            guard let place = html.firstRange(of: mark) else {
                preconditionFailure("expected \(mark) in the page, got: none")
            }
            html.replaceSubrange(place, with: "<\(element)>\n\(joined(ending))</\(element)>")
        }
        return html
    }
}
