import Bytes
import Foundation
import Store
import Testing

@testable import Operations

@Suite("Dashboard: page")
struct DashboardPageTests {
    private static let page = DashboardPage.shipped
    private static let html = String(decoding: page.html, as: UTF8.self)
    private static let scripts = PageAsset.all.filter { $0.name.hasSuffix(".js") }

    /// What stands between the tags of an element.
    private static func insides(of element: String) -> [String] {
        html.components(separatedBy: "<\(element)>").dropFirst().map {
            $0.components(separatedBy: "</\(element)>")[0]
        }
    }

    @Test func thePolicyLetsItsOwnStyleAndScriptRunAndNothingElse() {
        for element in ["style", "script"] {
            let insides = Self.insides(of: element)
            #expect(insides.count == 1 && Self.html.components(separatedBy: "<\(element)").count == 2, "\(element)")
            let hash = Base64.encode(SHA256.hash(Array((insides.first ?? "").utf8)))
            #expect(Self.page.policy.contains("\(element)-src 'sha256-\(hash)'"))
        }
        #expect(!Self.page.policy.contains("unsafe") && Self.page.policy.contains("default-src 'none'"))
        #expect(DashboardPage("<script>1</script>").policy != DashboardPage("<script>2</script>").policy)
    }

    @Test func allPartsAreInItOnceAndInOrder() throws {
        let parts = PageAsset.all
        #expect(parts.first?.name == "page.html" && parts.filter { $0.name.hasSuffix(".css") }.count == 1)
        var place = Self.html.startIndex
        for part in parts.dropFirst() {
            let found = try #require(Self.html.range(of: part.text, range: place..<Self.html.endIndex), "\(part.name)")
            place = found.upperBound
        }
        #expect(!Self.html.contains("<!-- styles -->") && !Self.html.contains("<!-- scripts -->"))
    }

    @Test func nothingIsInlineAndNothingIsFetchedFromElsewhere() {
        let markup = PageAsset.all.filter { $0.name.hasSuffix(".html") }.map(\.text).joined()
        #expect(markup.range(of: #"\son[a-z]+\s*="#, options: .regularExpression) == nil)
        #expect(markup.range(of: #"\sstyle\s*="#, options: .regularExpression) == nil)
        #expect(!markup.contains("javascript:"))
        // The only address of another place is the name of the language of drawings, which nobody fetches.
        let addresses = Self.html.replacing("http://www.w3.org/2000/svg", with: "")
        #expect(addresses.range(of: #"(https?:)?//[a-z0-9]"#, options: .regularExpression) == nil)
        #expect(!Self.html.contains("@import") && !Self.html.contains("url("))
    }

    @Test func textBecomesMarkupNowhere() {
        for script in Self.scripts {
            for way in [
                "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser",
                "createContextualFragment", "srcdoc", ".style.", "cssText", "setHTML",
            ] { #expect(!script.text.contains(way), "\(script.name) has \(way)") }
        }
    }

    @Test func whateverTheScriptAsksForIsARoute() throws {
        let table = HTTPRouteTable(EndpointRoutes(services: .none, page: Self.page, lag: LagHistory()).all)
        let expression = try Regex(#"'(/(?:api|health|metrics|openapi)[^']*)'((?:, [a-zA-Z_.]+(?:, '[^']*')?)*)"#)
        var asked: Set<String> = []
        for script in Self.scripts {
            for match in script.text.matches(of: expression) {
                // What pathOf() is given: pieces of a path, and between them names.
                let rest = match.output[2].substring ?? ""
                var path = String((match.output[1].substring ?? "").split(separator: "?")[0])
                for piece in rest.components(separatedBy: ", ").dropFirst() {
                    path += piece.hasPrefix("'") ? String(piece.dropFirst().dropLast()) : "name"
                }
                let segments = path.split(separator: "/").map(String.init)
                let isKnown = ["GET", "POST"].contains { method in
                    if case .found = table.match(method: method, segments: segments) { true } else { false }
                }
                #expect(isKnown, "\(script.name): \(path)")
                asked.insert(path)
            }
        }
        #expect(asked.count >= 11, "\(asked.sorted())")
        for wanted in ["/api/v1/explain/name/name", "/api/v1/admin/quarantine/name/name/retry"] {
            #expect(asked.contains(wanted), "\(asked.sorted())")
        }
        for name in ["metrics", "openapi.json", "health/ready"] { #expect(Self.html.contains("href=\"/\(name)\"")) }
    }

    @Test func everyElementThatTheScriptNamesIsInTheMarkup() throws {
        let named = try Regex(#"byId\('([a-z-]+)'\)"#)
        var names: Set<String> = []
        for script in Self.scripts {
            for match in script.text.matches(of: named) { names.insert(String(match.output[1].substring ?? "")) }
        }
        #expect(names.count > 30)
        for name in names.sorted() { #expect(Self.html.contains("id=\"\(name)\""), "\(name)") }
    }

    @Test func itsFilesAreShortAndNarrow() {
        for part in PageAsset.all {
            let lines = part.text.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count <= 401, "\(part.name) has \(lines.count) lines")
            for (index, line) in lines.enumerated() where line.count > 120 {
                Issue.record("\(part.name):\(index + 1) has \(line.count) columns")
            }
        }
    }
}

@Suite("Dashboard: history")
struct LagHistoryTests {
    private func sample(_ minute: Int, seconds: Double, nulls: Double?) -> LagHistory.Sample {
        LagHistory.Sample(
            at: Timestamp(microseconds: Int64(minute) * 60_000_000), lagSeconds: Double(minute), shardsFresh: 64,
            figures: figures(messages: Int64(minute), seconds: seconds, nulls: nulls))
    }

    private func figures(messages: Int64, seconds: Double, nulls: Double?) -> EndpointServices.Figures {
        EndpointServices.Figures(
            messages: messages,
            parts: [EndpointServices.Figures.Part(name: "text", batches: 3, seconds: seconds, nullRatio: nulls)])
    }

    @Test func aYoungProcessTellsAllThatItDid() {
        let history = LagHistory()
        history.add(sample(1, seconds: 2, nulls: nil))
        history.add(sample(2, seconds: 5, nulls: 0.5))
        let told = history.engines(figures(messages: 9, seconds: 6, nulls: 0.25))
        #expect(told["messages_processed_day"]?.int64 == 9 && told["engines"]?[0]?["seconds_day"]?.double == 6)
        #expect(told["engines"]?[0]?["null_ratio_samples"] == .array([.null, .number(0.5)]))
        #expect(told["engines"]?[0]?["null_ratio"]?.double == 0.25 && told["sampled_at"]?.array?.count == 2)
        #expect(history.json(samplesMax: 1).array?.map { $0["messages_processed"]?.int64 } == [2])
        #expect(history.json(samplesMax: 0).array?.isEmpty == true && history.json().array?.count == 2)
    }

    @Test func anOldOneTellsOfTheLastDayInFewPoints() {
        let history = LagHistory()
        let count = LagHistory.samplesMax + 100
        for minute in 1...count { history.add(sample(minute, seconds: Double(minute), nulls: 0.5)) }
        #expect(history.json().array?.count == LagHistory.samplesMax)
        let told = history.engines(figures(messages: Int64(count), seconds: Double(count), nulls: nil))
        // The oldest that is kept is of minute 101.
        #expect(told["messages_processed_day"]?.int64 == Int64(LagHistory.samplesMax - 1))
        #expect(told["engines"]?[0]?["seconds_day"]?.double == Double(LagHistory.samplesMax - 1))
        let points = told["sampled_at"]?.array?.count ?? 0
        #expect((LagHistory.pointsMax - 1...LagHistory.pointsMax).contains(points))
        #expect(told["sampled_at"]?.array?.last == history.json().array?.last?["at"])
    }
}
