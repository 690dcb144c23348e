import Bytes
import Model

extension PersonalityEvolutionEngine {
    /// Reactions that effects need before they are told.
    package static let reactionsMin = 5

    package func contribute(to row: inout StrategicRow, topics: TopicTracker) {
        if !model.beatsMean { row.unvalidated.insert(Self.name) }
        var reasons: [String] = []
        row.userResponsePatterns = patterns.json
        if row.userResponsePatterns == nil {
            reasons.append("user_response_patterns: fewer than \(ResponsePatterns.repliesMin) answers to the bot")
        }
        if traits.isEmpty {
            reasons.append(
                "dominant_traits, adaptation_suggestions, trait_evolution_history: no activations, and no bot messages"
                    + " in which style could be read")
        } else {
            let effects = model.count >= Self.reactionsMin ? model.effects(traits: traits.count) : nil
            row.dominantTraits = dominant(effects)
            row.traitHistory = history.json(names: traits.map(\.name))
            row.adaptationSuggestions = effects.map(suggestions)
            if effects == nil {
                reasons.append(
                    "adaptation_suggestions, effectiveness: fewer than \(Self.reactionsMin) reactions "
                        + "after the first \(Self.baselineRepliesMin)")
            }
        }
        if !reasons.isEmpty { row.nullReasons[Self.name] = reasons.joined(separator: "; ") }
    }

    /// Places of traits, most frequent first, and their shares.
    private func ranked() -> [(place: Int, frequency: Double)] {
        let newest = traits.map(\.at).max() ?? .negativeInfinity
        let weights = traits.map { weight(of: $0, at: newest) }
        let total = weights.reduce(0, +)
        return traits.indices.map { (place: $0, frequency: total > 0 ? weights[$0] / total : 0) }
            .sorted {
                $0.frequency != $1.frequency
                    ? $0.frequency > $1.frequency
                    : traits[$0.place].name.utf8.lexicographicallyPrecedes(traits[$1.place].name.utf8)
            }
    }

    private func dominant(_ effects: [ReactionModel.Effect?]?) -> String {
        var writer = JSONWriter()
        writer.beginArray()
        for (place, frequency) in ranked() {
            writer.beginObject()
            writer.key("trait")
            writer.value(traits[place].name)
            writer.key("frequency")
            writer.value(frequency, decimals: 4)
            writer.key("effectiveness")
            writer.value(effects?[place]?.mean, decimals: 4)
            writer.key("low")
            writer.value(effects?[place]?.low, decimals: 4)
            writer.key("high")
            writer.value(effects?[place]?.high, decimals: 4)
            writer.key("n")
            writer.value(traits[place].reactions)
            writer.key("source")
            writer.value(isGiven ? "given" : "style")
            writer.endObject()
        }
        writer.endArray()
        return writer.text
    }

    /// Traits whose 90 % interval excludes zero, strongest effect first.
    private func suggestions(_ effects: [ReactionModel.Effect?]) -> String {
        var clear: [(name: String, effect: ReactionModel.Effect)] = []
        for (trait, effect) in zip(traits, effects) {
            if let effect, effect.low > 0 || effect.high < 0 { clear.append((trait.name, effect)) }
        }
        clear.sort { left, right in
            let strengths = (left.effect.mean.magnitude, right.effect.mean.magnitude)
            if strengths.0 != strengths.1 { return strengths.0 > strengths.1 }
            return left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        }
        var writer = JSONWriter()
        writer.beginArray()
        for (name, effect) in clear {
            writer.beginObject()
            writer.key("trait")
            writer.value(name)
            writer.key("direction")
            writer.value(effect.mean > 0 ? "more" : "less")
            writer.key("effect")
            writer.value(effect.mean, decimals: 4)
            writer.key("low")
            writer.value(effect.low, decimals: 4)
            writer.key("high")
            writer.value(effect.high, decimals: 4)
            writer.endObject()
        }
        writer.endArray()
        return writer.text
    }
}
