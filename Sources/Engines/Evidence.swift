import Model

/// How an engine's predictions did that were made before their outcome was known, against a naive method's.
///
/// Sums over a history: the difference of two of them is what happened between.
package struct Evidence: Equatable, Sendable {
    package var engine: EngineName
    /// What was predicted, and how the loss is counted.
    package var metric: String
    /// The naive method.
    package var baselineName: String
    package var predictions: Int
    /// Sum of losses of the engine: lower is better.
    package var loss: Double
    /// Sum of losses of the naive method on the same predictions; 0 where only the difference is kept.
    package var baseline: Double

    /// What was added to an earlier sum.
    package func since(_ earlier: Evidence) -> Evidence {
        var rest = self
        rest.predictions -= earlier.predictions
        rest.loss -= earlier.loss
        rest.baseline -= earlier.baseline
        return rest
    }
}

extension PairState {
    /// What the engines know of their own predictions so far, in a fixed order.
    package var evidence: [Evidence] {
        func recall(_ engine: EngineName, _ logs: RecallLog...) -> Evidence {
            Evidence(
                engine: engine, metric: "return_log_loss", baselineName: "running_rate",
                predictions: logs.reduce(0) { $0 + $1.predictions },
                loss: logs.reduce(0) { $0 + Double($1.modelLoss) / 1e6 },
                baseline: logs.reduce(0) { $0 + Double($1.baselineLoss) / 1e6 })
        }
        let hazard = contextSwitch.hazard
        let replies = style.replies
        let reactions = personality.model
        let receptivity = engagement.receptivity
        return [
            recall(.memoryAging, memoryAging.returnLog, memoryAging.outcomeLog),
            Evidence(
                engine: .personalityEvolution, metric: "reaction_squared_error_less_baseline", baselineName: "mean",
                predictions: reactions.gainCount, loss: -reactions.gainSum, baseline: 0),
            Evidence(
                engine: .contextSwitch, metric: "next_switch_log_loss", baselineName: "running_rate",
                predictions: hazard.trials, loss: hazard.lossModel, baseline: hazard.lossBase),
            recall(.memoryBehavior, memoryBehavior.returnLog, memoryBehavior.outcomeLog),
            Evidence(
                engine: .conversationPatterns, metric: "continuation_log_loss", baselineName: "pooled_rate",
                predictions: replies.resolvedCount, loss: replies.lossModel, baseline: replies.lossBase),
            Evidence(
                engine: .proactiveEngagement, metric: "answer_log_loss_less_baseline", baselineName: "running_rate",
                predictions: receptivity.gainCount, loss: -receptivity.gainSum, baseline: 0),
        ]
    }
}
