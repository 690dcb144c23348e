import Bytes
import Jobs
import LanguageModel
import Postgres
import Store

/// The language model that the process's variables name, if any: it is off unless `AFTERTHOUGHT_LLM_URL` is set.
enum LanguageModelChoice {
    /// The configuration; nil: off.
    ///
    /// - Throws: `CommandFailure` when variables contradict each other, or this build has no language model.
    static func configuration(
        _ environment: [String: String]
    ) throws(CommandFailure) -> LanguageModelConfiguration? {
        do throws(LanguageModelError) {
            guard let configuration = try LanguageModelConfiguration(environment: environment) else { return nil }
            _ = try LanguageModelClient(configuration)
            return configuration
        } catch {
            throw CommandFailure(.usage, error.message, hint: error.hint)
        }
    }

    /// What asks the model; nil: off.
    private static func client(
        _ environment: [String: String]
    ) throws(CommandFailure) -> LanguageModelClient? {
        guard let configuration = try configuration(environment) else { return nil }
        do throws(LanguageModelError) { return try LanguageModelClient(configuration) } catch {
            throw CommandFailure(.usage, error.message, hint: error.hint)
        }
    }

    /// What evaluates prompts; nil: nothing does.
    static func promptEvaluator(
        _ environment: [String: String], _ options: ConnectionOptions
    ) throws(CommandFailure) -> (any PromptEvaluator)? {
        try client(environment).map { LanguageModelPromptEvaluator($0, options: options) }
    }

    /// What names clusters; nil: their keywords do.
    static func clusterNamer(
        _ environment: [String: String], _ options: ConnectionOptions
    ) throws(CommandFailure) -> (any ClusterNamer)? {
        try client(environment).map { LanguageModelClusterNamer($0, options: options) }
    }

    /// Where content goes, for people.
    static func spoken(_ configuration: LanguageModelConfiguration?) -> String {
        guard let configuration else { return "off" }
        let endpoint = configuration.endpoint
        if endpoint.isLoopback { return "content is sent to \(endpoint.authority) on this machine" }
        return "content leaves this machine for \(endpoint.authority)" + (endpoint.isEncrypted ? "" : ", not encrypted")
    }

    /// One line about it for `status`: where content goes from this environment, and what all workers have spent.
    static func line(_ configuration: LanguageModelConfiguration?, _ report: StatusReport) -> String {
        let text = "language model: " + spoken(configuration)
        let spending = report.modelSpending
        if spending.calls == 0 { return text }
        var usd = JSONWriter()
        usd.value(spending.usd, decimals: 4)
        return text + "; \(grouped(spending.calls)) calls in 30 days, \(grouped(spending.tokens)) tokens, "
            + "\(usd.text) US dollars"
    }

    /// The same as a member of a JSON object that is open.
    static func write(
        _ configuration: LanguageModelConfiguration?, _ report: StatusReport, to json: inout JSONWriter
    ) {
        json.key("language_model")
        json.beginObject()
        json.key("enabled")
        json.value(configuration != nil)
        json.key("host")
        json.value(configuration?.endpoint.authority)
        json.key("model")
        json.value(configuration?.model)
        json.key("encrypted")
        json.value(configuration?.endpoint.isEncrypted)
        json.key("content_leaves_this_machine")
        json.value(configuration.map { !$0.endpoint.isLoopback } ?? false)
        json.key("calls_30_days")
        json.value(report.modelSpending.calls)
        json.key("tokens_30_days")
        json.value(report.modelSpending.tokens)
        json.key("usd_30_days")
        json.value(report.modelSpending.usd, decimals: 6)
        json.key("last_call_at")
        json.value(report.modelSpending.lastAt)
        json.endObject()
    }
}
