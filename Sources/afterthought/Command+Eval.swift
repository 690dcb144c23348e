import Bytes
import Model
import Postgres
import Store
import Worker

extension Command {
    /// The engines, measured on the user's own data.
    static let eval = Command(
        name: "eval", summary: "measure the engines on your own history, and mark what does not beat its baseline",
        details: [
            "Folds the histories of pairs drawn at random. The first 70 % of each only teaches; in the rest every "
                + "prediction is made before its outcome and compared with a naive method's. The figures go to "
                + "afterthought.signal_quality; an engine that does not beat the naive method on your data reads as "
                + "unvalidated from then on, in every view and in the reader. Engines with too little data stay as "
                + "they are."
        ],
        options: [
            Option(
                name: "pairs", value: "N", help: "how many pairs are looked at (default 2000)",
                check: .integer(1...1_000_000)),
            Option(name: "seed", value: "TEXT", help: "another text draws other pairs"),
            Option(name: "dry-run", help: "print the figures only"),
            Option.json,
        ],
        examples: ["eval", "eval --pairs 200 --dry-run"],
        body: .blocking { invocation in
            let wanted = ChooseCachedPairs(
                share: 0, salt: invocation.value("seed") ?? "", pairsMin: Int64(invocation.integer("pairs") ?? 2000))
            let evaluation = try DatabaseChoice.withMigrated(invocation) { connection in
                let recomputation = try recomputation(&connection)
                let pairs = try connection.query(wanted)
                var bar = ProgressBar()
                let evaluation = try recomputation.evaluate(&connection, pairs) { done in
                    bar.show(
                        "evaluating", share: Double(done) / Double(pairs.count),
                        detail: "\(grouped(done)) of \(grouped(pairs.count)) pairs")
                    return !StopSignal.isRequested
                }
                bar.finish()
                // Half an evaluation is none.
                if !invocation.isSet("dry-run"), !StopSignal.isRequested {
                    try recomputation.save(evaluation, &connection)
                }
                return evaluation
            }
            Terminal.print(invocation.wantsJSON ? json(evaluation) : text(evaluation))
            return StopSignal.isRequested ? .interrupted : .ok
        })

    private static func text(_ evaluation: SignalEvaluation) -> String {
        guard evaluation.pairs > 0 else {
            return "nothing to evaluate: no pair was processed yet; `afterthought status` tells how far the worker is"
        }
        var table = TextTable([
            ("engine", .left), ("mean loss of", .left), ("engine's", .right), ("naive", .right),
            ("predictions", .right),
            ("pairs", .right), ("validated", .left),
        ])
        for finding in evaluation.findings {
            let verdict =
                switch finding.isValidated {
                case true: "yes"
                case false: "no"
                default: "too little data"
                }
            table.add(
                finding.evidence.engine.rawValue, finding.evidence.metric, finding.value.map(decimals) ?? "–",
                finding.baseline.map(decimals) ?? "–", grouped(finding.evidence.predictions), grouped(finding.pairs),
                verdict)
        }
        table.add("character_performance", "none: it predicts nothing", "–", "–", "0", "0", "by `make quality` only")
        var text = "\(grouped(evaluation.pairs)) pairs, the last 30 % of each history\n\n" + table.text()
        if evaluation.pairsTooLong > 0 {
            text += "\n\n\(grouped(evaluation.pairsTooLong)) pairs were left out: their histories are too long"
        }
        return text
    }

    private static func decimals(_ number: Double) -> String {
        var json = JSONWriter()
        json.value(number, decimals: 4)
        return json.text
    }

    private static func json(_ evaluation: SignalEvaluation) -> String {
        var json = JSONWriter()
        json.beginObject()
        json.key("pairs")
        json.value(evaluation.pairs)
        json.key("pairs_too_long")
        json.value(evaluation.pairsTooLong)
        json.key("engines")
        json.beginArray()
        for finding in evaluation.findings {
            json.beginObject()
            json.key("engine")
            json.value(finding.evidence.engine.rawValue)
            json.key("metric")
            json.value(finding.evidence.metric)
            json.key("value")
            json.value(finding.value)
            json.key("baseline_name")
            json.value(finding.evidence.baselineName)
            json.key("baseline")
            json.value(finding.baseline)
            json.key("predictions")
            json.value(finding.evidence.predictions)
            json.key("pairs")
            json.value(finding.pairs)
            json.key("validated")
            json.value(finding.isValidated)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.text
    }
}
