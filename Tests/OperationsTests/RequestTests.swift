import Bytes
import Testing

@testable import Operations

@Suite("Endpoint: requests and routes")
struct RequestTests {
    private func target(_ text: String) -> RequestTarget? { RequestTarget(Array(text.utf8)) }

    @Test func targetsAreTakenApart() throws {
        let found = try #require(target("/api/v1/cache/el%C3%A9na/a%2Fb?limit=3&name=a+b%2B&flag"))
        #expect(found.segments == ["api", "v1", "cache", "eléna", "a/b"])
        #expect(found.query.map(\.name) == ["limit", "name", "flag"])
        #expect(found.query.map(\.value) == ["3", "a b+", ""])
        #expect(target("/")?.segments == [])
        // A plus sign is a space in a query alone.
        #expect(target("/a+b")?.segments == ["a+b"])
        #expect(target("//a/")?.segments == ["", "a", ""])
    }

    @Test(arguments: [
        "", "x", "*", "http://localhost/", "/%", "/%2", "/%zz", "/%00", "/%ff", "/%c0%ae", "/a b", "/a\u{7F}",
    ]) func oddTargetsAreNone(text: String) {
        #expect(target(text) == nil)
    }

    private static func route(_ method: HTTPRoute.Method, _ path: String, _ access: HTTPRoute.Access) -> HTTPRoute {
        HTTPRoute(
            method, path, path, summary: "", access: access, answers: [],
            handler: .immediate { _ in .json(.null) })
    }

    private static let table = HTTPRouteTable([
        route(.get, "/", .anyone), route(.get, "/open", .anyone), route(.post, "/change/{what}", .keyHolder),
    ])

    private func match(_ method: String, _ path: String) -> String {
        switch Self.table.match(method: method, segments: target(path)?.segments ?? []) {
        case .found(let route, let parameters): "\(route.path) \(parameters["what"] ?? "")"
        case .otherMethods(let methods): methods.joined(separator: ",")
        case .nothing: "nothing"
        }
    }

    @Test func pathsLeadToRoutes() {
        #expect(match("GET", "/") == "/ ")
        #expect(match("HEAD", "/open") == "/open ")
        #expect(match("POST", "/change/a%20b") == "/change/{what} a b")
        #expect(match("POST", "/open") == "GET,HEAD")
        #expect(match("DELETE", "/change/x") == "POST")
        for path in ["/open/", "//open", "/OPEN", "/change/", "/change", "/change/a/b", "/../open", "/change/../open"] {
            #expect(match("GET", path) == "nothing", "\(path)")
        }
    }

    private func door(key: String?, isLoopback: Bool = true, atOnceMax: Double = 100) throws -> RequestDoor {
        let rate = RateLimiter.Rate(perSecond: 1, atOnceMax: atOnceMax)
        return RequestDoor(
            table: Self.table, adminKey: try key.map { try Secret($0, source: "the key", bytesMin: 16) },
            isLoopback: isLoopback, requests: RateLimiter(each: rate, all: rate),
            keyRequests: RateLimiter(each: rate, all: rate))
    }

    private func decide(
        _ door: inout RequestDoor, _ method: String, _ path: String, _ headers: [String: String] = [:],
        now: UInt64 = 0
    ) throws -> Int {
        let request = HTTPRequest(method: method, target: try #require(target(path)), headers: headers)
        switch door.decide(request, now: now) {
        case .enter: return 200
        case .refuse(let response), .refuseKey(let response): return response.status
        }
    }

    private static let key = "0123456789abcdef"

    @Test func theKeyOpensWhatIsLocked() throws {
        var door = try door(key: Self.key)
        #expect(try decide(&door, "GET", "/open") == 200)
        #expect(try decide(&door, "POST", "/change/x") == 401)
        for wrong in ["", "0", Self.key + "0", String(Self.key.dropLast()), "0123456789abcdeF", Self.key + Self.key] {
            #expect(try decide(&door, "POST", "/change/x", ["x-admin-key": wrong]) == 401, "\(wrong)")
        }
        #expect(try decide(&door, "POST", "/change/x", ["x-admin-key": Self.key]) == 200)
    }

    @Test func withoutAKeyChangesAreOffAndTheAnswerSaysHowToTurnThemOn() throws {
        var door = try door(key: nil)
        let request = HTTPRequest(
            method: "POST", target: try #require(target("/change/x")), headers: ["x-admin-key": Self.key])
        guard case .refuseKey(let response) = door.decide(request, now: 0) else {
            Issue.record("expected a refusal")
            return
        }
        let body = try JSONValue(parsing: response.body)
        #expect(response.status == 403 && body["success"]?.bool == false)
        #expect(body["hint"]?.string?.contains("AFTERTHOUGHT_ADMIN_KEY") == true)
    }

    @Test func onlyNamesOfThisMachineLeadToALoopbackServer() throws {
        var door = try door(key: nil)
        for host in ["localhost", "LOCALHOST:9464", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:9464"] {
            #expect(try decide(&door, "GET", "/open", ["host": host]) == 200, "\(host)")
        }
        for host in [
            "", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.256", "128.0.0.1", "[::2]",
            "localhost:9464.evil.example", "[::1].evil.example", "localhost, evil.example", "127.0.0.01", "127.1",
        ] {
            #expect(try decide(&door, "GET", "/open", ["host": host]) == 421, "\(host)")
        }
        var open = try self.door(key: nil, isLoopback: false)
        #expect(try decide(&open, "GET", "/open", ["host": "worker.example"]) == 200)
    }

    @Test func tooManyRequestsAreRefusedUntilTimeHasPassed() throws {
        var door = try door(key: Self.key, atOnceMax: 3)
        for _ in 0..<3 { #expect(try decide(&door, "GET", "/open") == 200) }
        #expect(try decide(&door, "GET", "/open") == 429)
        #expect(try decide(&door, "GET", "/open", now: 500_000_000) == 429)
        #expect(try decide(&door, "GET", "/open", now: 1_000_000_000) == 200)
        #expect(try decide(&door, "GET", "/open", now: 1_000_000_000) == 429)
    }

    @Test func oneAddressTakesNothingFromOthers() {
        var limiter = RateLimiter(
            each: RateLimiter.Rate(perSecond: 1, atOnceMax: 2), all: RateLimiter.Rate(perSecond: 10, atOnceMax: 4))
        for _ in 0..<100 { _ = limiter.take("a", now: 0) }
        #expect(limiter.take("b", now: 0) == nil && limiter.take("b", now: 0) == nil)
        // All together have had what they may.
        #expect(limiter.take("c", now: 0) != nil)
        #expect(limiter.take("c", now: 100_000_000) == nil)
        for number in 0..<5_000 { _ = limiter.take("\(number)", now: 200_000_000) }
        #expect(limiter.addressCount <= RateLimiter.addressesMax)
    }

    @Test func hashesOfAPageAreThoseOfItsElements() {
        let page = DashboardPage("<style>a{}</style><script>1</script><script>2</script>")
        // openssl dgst -sha256 -binary | base64
        #expect(page.policy.contains("style-src 'sha256-X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk='"))
        #expect(page.policy.contains("script-src 'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s=' "))
        #expect(!DashboardPage.shipped.policy.contains("unsafe"))
        #expect(Base64.encode(Array("a".utf8)) == "YQ==" && Base64.encode(Array("ab".utf8)) == "YWI=")
        #expect(Base64.encode(Array("abc".utf8)) == "YWJj" && Base64.encode([]).isEmpty)
    }
}
