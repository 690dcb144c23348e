import Foundation
import Testing

@testable import LanguageModel

@Suite("Language model: configuration")
struct ConfigurationTests {
    private static let least = [
        "AFTERTHOUGHT_LLM_URL": "https://api.example.com/v1/", "AFTERTHOUGHT_LLM_MODEL": "tiny",
    ]

    private func read(_ more: [String: String] = [:]) throws -> LanguageModelConfiguration? {
        try LanguageModelConfiguration(environment: Self.least.merging(more) { $1 })
    }

    private func fault(_ more: [String: String]) -> String {
        let error = #expect(throws: LanguageModelError.self) { try read(more) }
        return error?.description ?? ""
    }

    @Test func itIsOffUnlessAnAddressIsSet() throws {
        #expect(try LanguageModelConfiguration(environment: [:]) == nil)
        #expect(try LanguageModelConfiguration(environment: ["AFTERTHOUGHT_LLM_MODEL": "m"]) == nil)
        #expect(try read(["AFTERTHOUGHT_LLM_URL": ""]) == nil)
    }

    @Test func everyKeyChangesWhatIsDone() throws {
        let plain = try #require(try read())
        #expect(plain.endpoint.chatCompletions == "https://api.example.com/v1/chat/completions" && plain.key == nil)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("key-\(UUID().uuidString)")
        try Data("  sk-from-file\n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        #expect(try read(["AFTERTHOUGHT_LLM_MODEL": "large"])?.model == "large")
        #expect(try read(["AFTERTHOUGHT_LLM_API_KEY": "sk-1"])?.key?.revealed == "sk-1")
        #expect(try read(["AFTERTHOUGHT_LLM_API_KEY_FILE": file.path])?.key?.revealed == "sk-from-file")
        #expect(try read(["AFTERTHOUGHT_LLM_CONNECT_SECONDS": "0.5"])?.connectSeconds == 0.5)
        #expect(try read(["AFTERTHOUGHT_LLM_TIMEOUT_SECONDS": "7"])?.timeoutSeconds == 7)
        #expect(try read(["AFTERTHOUGHT_LLM_ATTEMPTS": "2"])?.attemptsMax == 2)
        #expect(LanguageModelConfiguration.environmentKeys.count == 7)
    }

    @Test func whatCantBeIsRefusedWithoutBeingRepeated() throws {
        for (key, value, expected) in [
            ("AFTERTHOUGHT_LLM_URL", "ftp://hunter2/v1", "an http or https URL"),
            ("AFTERTHOUGHT_LLM_URL", "https://me:hunter2@host/v1", "without a user"),
            ("AFTERTHOUGHT_LLM_URL", "https://host/v1?key=hunter2", "without a user"),
            ("AFTERTHOUGHT_LLM_URL", "https://", "a URL with a host"),
            ("AFTERTHOUGHT_LLM_URL", "https://host:99999/hunter2", "port is 1…65535"),
            ("AFTERTHOUGHT_LLM_URL", "https://host\r\nhunter2", "without spaces"),
            ("AFTERTHOUGHT_LLM_MODEL", "", "a model's name"),
            ("AFTERTHOUGHT_LLM_API_KEY", "hunter2\r\nX-Other: 1", "printable ASCII"),
            ("AFTERTHOUGHT_LLM_API_KEY_FILE", "/nonexistent/file", "a readable file"),
            ("AFTERTHOUGHT_LLM_TIMEOUT_SECONDS", "0", "0.01…3600.0, got: 0"),
            ("AFTERTHOUGHT_LLM_ATTEMPTS", "many", "1.0…10.0, got: many"),
        ] {
            let text = fault([key: value])
            #expect(text.contains("expected") && text.contains(expected), "\(key): \(text)")
            #expect(!text.contains("hunter2"), "\(text)")
        }
        #expect(fault(["AFTERTHOUGHT_LLM_API_KEY": "a", "AFTERTHOUGHT_LLM_API_KEY_FILE": "b"]).contains("got: both"))
    }

    @Test func theKeyShowsItselfNowhere() throws {
        let configuration = try #require(try read(["AFTERTHOUGHT_LLM_API_KEY": "hunter2"]))
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped, "\(configuration.key!)"] {
            #expect(!text.contains("hunter2"))
        }
    }

    @Test func addressesAreTakenApart() throws {
        for (text, authority, isLoopback, isEncrypted) in [
            ("https://API.Example.com", "api.example.com", false, true),
            ("http://localhost:8080/v1/chat/completions", "localhost:8080", true, false),
            ("http://127.0.0.1:1/", "127.0.0.1:1", true, false), ("http://[::1]:80/x", "[::1]:80", true, false),
            ("http://127.evil.example/v1", "127.evil.example", false, false),
            ("http://127.0.0.1.example.com/v1", "127.0.0.1.example.com", false, false),
            ("http://localhost.example.com", "localhost.example.com", false, false),
            ("https://10.0.0.7/v1", "10.0.0.7", false, true),
        ] {
            let endpoint = try EndpointURL(text)
            #expect(endpoint.authority == authority && endpoint.isLoopback == isLoopback, "\(text)")
            #expect(endpoint.isEncrypted == isEncrypted && endpoint.chatCompletions.hasSuffix("/chat/completions"))
            #expect(!endpoint.chatCompletions.hasSuffix("/chat/completions/chat/completions"))
        }
    }
}
