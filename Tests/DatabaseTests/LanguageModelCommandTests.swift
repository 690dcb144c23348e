import Foundation
import Postgres
import Support
import Testing

@testable import LanguageModel
@testable import Store
@testable import afterthought

@Suite("Language model: commands", .database)
struct LanguageModelCommandTests {
    private static let there = [
        "AFTERTHOUGHT_LLM_URL": "http://llm.example.com:8080/v1", "AFTERTHOUGHT_LLM_MODEL": "tiny",
        "AFTERTHOUGHT_LLM_API_KEY": "hunter2",
    ]

    private func run(_ words: [String], _ environment: [String: String] = [:]) throws -> Program {
        try Program.run(
            words, environment: environment.merging(["AFTERTHOUGHT_DATABASE_URL": TestDatabase.current.url]) { $1 })
    }

    private func shown(_ environment: [String: String]) throws -> [String: Any] {
        let text = try run(["status", "--json"], environment).output
        let object = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        return try #require(object["language_model"] as? [String: Any])
    }

    @Test func itIsOffByDefaultAndStatusSaysSo() throws {
        #expect(try run(["status"]).output.contains("\nlanguage model: off\n"))
        let object = try shown([:])
        #expect(object["enabled"] as? Bool == false && object["content_leaves_this_machine"] as? Bool == false)
        #expect(object["host"] is NSNull && object["calls_30_days"] as? Int == 0)
    }

    @Test func aConfigurationThatCantBeIsRefusedWithoutTheKey() throws {
        for words in [["status"], ["run", "prompt_optimization"], ["worker"]] {
            let wrong = try run(words, Self.there.merging(["AFTERTHOUGHT_LLM_URL": "gopher://x"]) { $1 })
            #expect(wrong.status == 64 && wrong.errors.contains("expected AFTERTHOUGHT_LLM_URL to be an http"))
            #expect(!(wrong.errors + wrong.output).contains("hunter2"))
        }
        #expect(try run(["status"], ["AFTERTHOUGHT_LLM_URI": "x"]).errors.contains("did you mean"))
    }

    #if LanguageModel
        @Test func statusSaysWhereContentGoes() throws {
            var connection = try TestDatabase.current.connect()
            let text = try run(["status"], Self.there)
            let said = "language model: content leaves this machine for llm.example.com:8080, not encrypted\n"
            #expect(text.output.contains(said), "\(text)")
            #expect(!(text.output + text.errors).contains("hunter2"))
            let local = Self.there.merging(["AFTERTHOUGHT_LLM_URL": "http://localhost:1/v1"]) { $1 }
            #expect(try run(["status"], local).output.contains("content is sent to localhost:1 on this machine"))
            try connection.execute(
                """
                insert into afterthought.language_model_ledger (
                    purpose, model, subject, prompt_tokens, completion_tokens, prompt_usd_per_million,
                    completion_usd_per_million)
                values ('test', 'tiny', 's', 1000, 200, 5, 10)
                """)
            let off = try run(["status"]).output
            #expect(off.contains("language model: off; 1 calls in 30 days, 1,200 tokens, 0.007 US dollars"), "\(off)")
            let object = try shown(Self.there)
            #expect(object["enabled"] as? Bool == true && object["content_leaves_this_machine"] as? Bool == true)
            #expect(object["host"] as? String == "llm.example.com:8080" && object["model"] as? String == "tiny")
            #expect(object["encrypted"] as? Bool == false && object["tokens_30_days"] as? Int == 1200)
            #expect(object["usd_30_days"] as? Double == 0.007 && object["last_call_at"] is String)
        }

        @Test func theWorkerSaysItOnceAtItsStart() throws {
            let environment = Self.there.merging(["AFTERTHOUGHT_DATABASE_URL": TestDatabase.current.url]) { $1 }
            let process = Program.prepared(["worker"], environment)
            let errors = Pipe()
            process.standardError = errors
            try process.run()
            var said = Data()
            while !String(decoding: said, as: UTF8.self).contains("language model: ") {
                let piece = errors.fileHandleForReading.availableData
                if piece.isEmpty { break }
                said += piece
            }
            process.terminate()
            said += errors.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            let text = String(decoding: said, as: UTF8.self)
            #expect(text.contains("language model: content leaves this machine for llm.example.com:8080"), "\(text)")
            #expect(text.components(separatedBy: "language model:").count == 2 && !text.contains("hunter2"))
            #expect(process.terminationStatus == 0)
        }
    #else
        @Test func aBuildWithoutItRefusesToPretend() throws {
            for words in [["status"], ["worker"], ["run", "prompt_optimization"]] {
                let refused = try run(words, Self.there)
                #expect(refused.status == 64)
                #expect(refused.errors.contains("expected a build with the language model"))
            }
        }
    #endif
}
