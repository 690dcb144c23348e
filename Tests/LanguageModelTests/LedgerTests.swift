import Foundation
import Postgres
import Store
import Support
import Synchronization
import Testing

@testable import LanguageModel

@Suite("Language model: ledger", .database)
struct LedgerTests {
    private static let call = LedgerCall(purpose: "test", subject: "s")

    /// Prices of 1 and 2 US dollars for a million tokens.
    private func connect(tokens: Int = 1_000_000, usd: String = "10") throws -> Connection {
        var connection = try TestDatabase.current.connect()
        try connection.execute(
            """
            update afterthought.job_settings set value = '1' where name = 'LANGUAGE_MODEL_PROMPT_USD';
            update afterthought.job_settings set value = '2' where name = 'LANGUAGE_MODEL_COMPLETION_USD';
            update afterthought.job_settings set value = '\(tokens)' where name = 'LANGUAGE_MODEL_TOKENS_MAX';
            update afterthought.job_settings set value = '\(usd)' where name = 'LANGUAGE_MODEL_USD_MAX';
            """)
        return connection
    }

    private func rows(_ connection: inout Connection) throws -> [String] {
        try connection.lines(
            """
            select outcome, prompt_tokens, completion_tokens, cost_usd::float8, is_estimate, settled_at is not null
            from afterthought.language_model_ledger order by id
            """)
    }

    private func ask(_ transport: ScriptedTransport, _ call: LedgerCall = LedgerTests.call, attempts: Int = 3) throws
        -> String
    {
        let ledger = try LanguageModelLedger(try TestDatabase.current.options)
        let request = ChatRequest(instructions: "", input: "hello", completionTokensMax: 100)
        return try transport.client(attempts: attempts).ask(request, for: call, ledger, checkStop: {}).reply.text
    }

    @Test func anAnswerCostsWhatTheEndpointCounts() throws {
        var connection = try connect()
        #expect(try ask(ScriptedTransport { _, _ in ScriptedTransport.reply("hi", tokens: (1000, 500)) }) == "hi")
        #expect(try rows(&connection) == ["answered 1000 500 0.002 f t"])
        // One that does not count costs what was reserved: five bytes and the frame, and the longest answer.
        #expect(try ask(ScriptedTransport { _, _ in ScriptedTransport.reply("hi", tokens: nil) }) == "hi")
        #expect(try rows(&connection).last == "answered 69 100 0.000269 t t")
    }

    @Test func failuresAreRepeatedAndCostWhatTheyMay() throws {
        var connection = try connect()
        let count = Mutex(0)
        let transport = ScriptedTransport { _, _ in
            switch count.withLock({ count -> Int in
                count += 1; return count
            }) {
            case 1: return HTTPResponse(status: 429, retryAfter: "0")
            case 2: return nil
            default: return ScriptedTransport.reply("at last")
            }
        }
        #expect(try ask(transport) == "at last")
        #expect(
            try rows(&connection)
                == ["refused 0 0 0 f t", "unknown 69 100 0.000269 t t", "answered 10 5 2e-05 f t"])
        let stubborn = ScriptedTransport { _, _ in HTTPResponse(status: 500) }
        let error = #expect(throws: LanguageModelError.self) { try ask(stubborn) }
        #expect(error?.code == .busy && stubborn.requests.count == 3)
        // One that asks for a longer pause than anybody waits, and one that refuses, are left alone.
        let patient = ScriptedTransport { _, _ in HTTPResponse(status: 429, retryAfter: "86400") }
        #expect(throws: LanguageModelError.self) { try ask(patient) }
        let closed = ScriptedTransport { _, _ in HTTPResponse(status: 401) }
        #expect(throws: LanguageModelError.self) { try ask(closed) }
        #expect(patient.requests.count == 1 && closed.requests.count == 1)
    }

    @Test func nothingIsAskedWhileThePriceIsNotKnown() throws {
        let transport = ScriptedTransport { _, _ in ScriptedTransport.reply("hi") }
        let error = #expect(throws: LanguageModelError.self) { try ask(transport) }
        #expect(error?.code == .configuration && error?.hint?.contains("LANGUAGE_MODEL_PROMPT_USD") == true)
        #expect(transport.requests.isEmpty)
    }

    @Test func eachBudgetHoldsBeforeTheCallIsMade() throws {
        for (tokens, usd, subjectTokens, subjectUSD, message) in [
            (168, "10", nil, nil, "LANGUAGE_MODEL_TOKENS_MAX"), (1000, "0.000268", nil, nil, "LANGUAGE_MODEL_USD_MAX"),
            (1000, "10", 168, nil, "this one"), (1000, "10", nil, 0.000268, "this one"),
        ] as [(Int, String, Int?, Double?, String)] {
            var connection = try connect(tokens: tokens, usd: usd)
            let transport = ScriptedTransport { _, _ in ScriptedTransport.reply("hi") }
            var call = Self.call
            call.subjectTokensMax = subjectTokens
            call.subjectUSDMax = subjectUSD
            let error = #expect(throws: LanguageModelError.self) { try ask(transport, call) }
            #expect(error?.code == .budget && error?.message.contains(message) == true, "\(error as Any)")
            #expect(try transport.requests.isEmpty && rows(&connection).isEmpty)
        }
        // One token more, and it may be made.
        _ = try connect(tokens: 169, usd: "0.000269")
        #expect(try ask(ScriptedTransport { _, _ in ScriptedTransport.reply("hi") }) == "hi")
    }

    @Test func whatWasSpentThirtyDaysAgoIsForgotten() throws {
        var connection = try connect(tokens: 169)
        let transport = ScriptedTransport { _, _ in ScriptedTransport.reply("hi") }
        #expect(try ask(transport) == "hi")
        #expect(throws: LanguageModelError.self) { try ask(transport) }
        try connection.execute("update afterthought.language_model_ledger set at = at - interval '31 days'")
        #expect(try ask(transport) == "hi")
    }

    @Test func workersTogetherStayWithinTheBudget() throws {
        var connection = try connect(tokens: 169 * 7)
        let options = try TestDatabase.current.options
        let made = Mutex(0)
        let refused = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            guard let ledger = try? LanguageModelLedger(options) else { return }
            for _ in 0..<3 {
                do {
                    _ = try ledger.reserve(Self.call, model: "tiny", promptTokens: 69, completionTokens: 100)
                    made.withLock { $0 += 1 }
                } catch { refused.withLock { $0 += 1 } }
            }
        }
        // None was settled, as if all of them had died: each counts in full.
        #expect(made.withLock { $0 } == 7 && refused.withLock { $0 } == 17)
        #expect(
            try connection.lines(
                "select count(*), sum(prompt_tokens + completion_tokens) from afterthought.language_model_ledger")
                == ["7 1183"])
    }

    @Test func aCallThatIsCutOffCountsInFull() throws {
        struct Stopped: Error {}
        var connection = try connect()
        let ledger = try LanguageModelLedger(try TestDatabase.current.options)
        let transport = ScriptedTransport { _, _ in ScriptedTransport.reply("late") }
        let request = ChatRequest(instructions: "", input: "hello", completionTokensMax: 100)
        var asked = 0
        #expect(throws: Stopped.self) {
            try transport.client().ask(request, for: Self.call, ledger) {
                asked += 1
                if asked == 2 { throw Stopped() }
            }
        }
        #expect(try rows(&connection) == ["reserved 69 100 0.000269 t f"])
    }

    @Test func nothingThatIsSentIsKept() throws {
        var connection = try connect()
        let transport = ScriptedTransport { _, _ in ScriptedTransport.reply("the-answer") }
        let ledger = try LanguageModelLedger(try TestDatabase.current.options)
        let request = ChatRequest(instructions: "the-prompt", input: "me@example.org", completionTokensMax: 9)
        _ = try transport.client().ask(request, for: Self.call, ledger, checkStop: {})
        let kept = try connection.lines("select to_jsonb(l) from afterthought.language_model_ledger as l").joined()
        for word in ["the-answer", "the-prompt", "example.org"] { #expect(!kept.contains(word)) }
        #expect(!transport.requests.joined().contains("example.org"))
    }

    @Test func theWorkersRoleIsEnoughAndNobodyElsesIs() throws {
        var connection = try connect()
        // Roles belong to the whole cluster, which other tests share: a lock keeps two of them from making the same.
        try connection.execute("begin; select pg_advisory_xact_lock(4711)")
        try connection.execute(Migration.rolesSQL)
        try connection.execute("commit")
        var options = try TestDatabase.current.options
        options.sessionSettings.append(("role", "afterthought_worker"))
        let ledger = try LanguageModelLedger(options)
        var call = Self.call
        call.callKey = "k"
        let transport = ScriptedTransport { _, _ in ScriptedTransport.reply("hi") }
        let request = ChatRequest(instructions: "", input: "hello", completionTokensMax: 9)
        let entry = try transport.client().ask(request, for: call, ledger, checkStop: {}).entry
        try ledger.note(entry, result: 0.25)
        #expect(try ledger.result(call, model: "tiny") == 0.25 && ledger.spent(call).tokens == 15)
        #expect(
            try connection.lines(
                """
                select bool_or(has_table_privilege(r, 'afterthought.language_model_ledger', p))
                from unnest(array['afterthought_app', 'afterthought_reader']) as r,
                    unnest(array['select', 'insert', 'update', 'delete']) as p
                """) == ["f"])
    }

    @Test func everyStatementFitsTheSchema() throws {
        var connection = try TestDatabase.current.connect()
        _ = try connection.describe(ReserveModelCall.self)
        _ = try connection.describe(SettleModelCall.self)
        _ = try connection.describe(NoteModelResult.self)
        _ = try connection.describe(FindModelResult.self)
        _ = try connection.describe(SumModelSubject.self)
        _ = try connection.describe(ModelSpending.self)
    }

    @Test func aClusterIsNamedByItsKeywordsAlone() throws {
        _ = try connect()
        let ledger = try LanguageModelLedger(try TestDatabase.current.options)
        let transport = ScriptedTransport { _, _ in ScriptedTransport.reply("  \"Sailing Trips\".\n") }
        let label = try transport.client().label(keywords: ["sailing", "wind", "harbour"], ledger, checkStop: {})
        #expect(label == "Sailing Trips")
        #expect(transport.requests.first?.contains("\"sailing, wind, harbour\"") == true)
        #expect(LanguageModelClient.name(in: "Here is a name for it: sailing trips") == nil)
        #expect(LanguageModelClient.name(in: "Sailing\nTrips") == nil && LanguageModelClient.name(in: " \n") == nil)
    }

    @Test func whatTheBudgetDoesNotAllowKeepsTheNamesThereAre() throws {
        var connection = try connect()
        try connection.execute(
            "update afterthought.job_settings set value = '500' where name = 'LANGUAGE_MODEL_TOKENS_MAX'")
        let transport = ScriptedTransport { _, _ in ScriptedTransport.reply("Sailing") }
        let namer = LanguageModelClusterNamer(try transport.client(), options: try TestDatabase.current.options)
        let answer = try namer.names(for: Array(repeating: ["sailing", "wind"], count: 20), checkStop: {})
        #expect((1..<20).contains(answer.names.count), "\(answer.names.count)")
        #expect(answer.names.allSatisfy { $0 == "Sailing" } && transport.requests.count == answer.names.count)
        #expect(answer.refusal?.contains("LANGUAGE_MODEL_TOKENS_MAX") == true, "\(answer.refusal ?? "")")
    }
}
