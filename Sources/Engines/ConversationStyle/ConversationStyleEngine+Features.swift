import Bytes

extension ConversationStyleEngine {
    /// The continuous features behind the labels, as JSON of at most 640 bytes; absent members could not be computed.
    ///
    /// Those that come out differently on two halves of a user's conversations are not told: they say little of the
    /// user (courtesies and hedges a word, matching of feelings, the slowest replies; `bench quality style`).
    func features(_ labels: StyleLabels) -> String {
        var json = JSONWriter()
        json.beginObject()
        func add(_ name: String, _ value: Double?, decimals: Int = 3) {
            guard let value else { return }
            json.key(name)
            json.value(value, decimals: decimals)
        }
        json.key("user_messages")
        json.value(userMessages)
        add("formality", formality.count > 0 ? formality.mean : nil)
        add("verbosity_words", lengths.quantile(0.5), decimals: 1)
        add("verbosity_words_p90", lengths.quantile(0.9), decimals: 1)
        add("reply_seconds_median", latencies.quantile(0.5), decimals: 0)
        add("question_share", questions.mean)
        add("user_word_share", userWords + botWords > 0 ? Double(userWords) / Double(userWords + botWords) : nil)
        add("vocabulary_richness", vocabulary.richness)
        add("first_person_per_100_words", hedges.count > 0 ? 100 * firstPerson.mean : nil, decimals: 2)
        add("marks_per_message", marks.mean)
        add("capitals_ratio", capitals.mean)
        add("disclosure_share", disclosure.count > 0 ? disclosure.mean : nil)
        add("laughter_share", humor.count > 0 ? humor.mean : nil)
        add("backchannel_share", backchannels.mean)
        add("messages_per_topic_run", topicRun.count > 0 ? topicRun.mean : nil, decimals: 2)
        add("depth_score", labels.depthScore)
        add("valence_mean", emotions.valence.count > 0 ? emotions.valence.mean : nil)
        add("arousal_mean", emotions.arousal.count > 0 ? emotions.arousal.mean : nil)
        add("emotionality", emotions.emotionality.count > 0 ? emotions.emotionality.mean : nil)
        add("continuation_rate", replies.resolvedCount > 0 ? replies.pooledRate : nil)
        addQuestionKinds(to: &json)
        addHours(to: &json)
        json.endObject()
        return json.text
    }

    private func addQuestionKinds(to json: inout JSONWriter) {
        json.key("question_kinds")
        json.beginObject()
        for (kind, name) in [
            (QuestionKind.polar, "polar"), (.wh, "wh"), (.alternative, "alternative"), (.tag, "tag"),
            (.rhetorical, "rhetorical"),
        ] {
            let count = questionKinds[Int(kind.rawValue)]
            guard count > 0 else { continue }
            json.key(name)
            json.value(count)
        }
        json.endObject()
    }

    /// The three hours of the day (UTC) with most messages, most first.
    private func addHours(to json: inout JSONWriter) {
        json.key("active_hours_utc")
        json.beginArray()
        let ranked = hours.indices.filter { hours[$0] > 0 }.sorted { (hours[$1], $0) < (hours[$0], $1) }
        for hour in ranked.prefix(3) { json.value(hour) }
        json.endArray()
    }
}
