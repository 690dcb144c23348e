import Bytes
import Model

/// Engine 6, conversation patterns: how a user writes, how deep they go, how much they feel, and how long replies
/// should be.
///
/// Every figure is a bounded streaming statistic of the user's own messages (the bot's enter only turn balance,
/// matching of feelings and `ReplyModel`): quantiles by `LogHistogram`, means by `RecentMean`, different words by
/// `Vocabulary`. The labels are composed from them by the rules of `StyleLabels`. The best reply length is
/// `ReplyModel`'s.
///
/// It is marked unvalidated while the reply model's predictions, each made before its outcome, have no smaller
/// log-loss than the pair's pooled rate: then the reply length is a guess, the descriptive columns hold all the same.
///
/// Invariants: O(1) a message; state of about 600 bytes, bounded; system messages change nothing.
package struct ConversationStyleEngine: Engine {
    package static let name = EngineName.conversationPatterns
    /// User messages below which nothing is said of a style.
    static let userMessagesMin = 5
    static let questionKindCount = 6

    var userMessages = 0
    var botMessages = 0
    var userWords = 0
    var botWords = 0
    /// Words of the user's messages, and seconds until their replies.
    var lengths = LogHistogram(resolution: 3)
    var latencies = LogHistogram(resolution: 1.5)
    /// User messages by hour of the day, UTC; all halved when they reach `LogHistogram.totalMax`.
    var hours = [Int](repeating: 0, count: 24)
    /// User messages by `QuestionKind`, over all time.
    var questionKinds = [Int](repeating: 0, count: questionKindCount)
    var formality = RecentMean()
    var questions = RecentMean()
    /// Hedges, courtesies and first-person words a word; exclamation marks and emoji a message.
    var hedges = RecentMean()
    var politeness = RecentMean()
    var firstPerson = RecentMean()
    var marks = RecentMean()
    var capitals = RecentMean()
    /// Shares of messages that disclose something, laugh, or only acknowledge.
    var disclosure = RecentMean()
    var humor = RecentMean()
    var backchannels = RecentMean()
    /// User messages in a row on one topic, as of each message.
    var topicRun = RecentMean()
    var currentRun = 0
    var currentTopic: UInt32?
    var vocabulary = Vocabulary()
    var emotions = EmotionDynamics()
    var replies = ReplyModel()

    package init() {}

    package mutating func apply(_ observation: Observation) {
        guard case .message(let message) = observation.row.event, let analysis = observation.analysis else { return }
        switch message.role {
        case .system: return
        case .assistant: applyBot(analysis, observation)
        case .user: applyUser(analysis, observation)
        }
    }

    private mutating func applyBot(_ analysis: MessageAnalysis, _ observation: Observation) {
        botMessages += 1
        botWords += analysis.wordCount
        emotions.observeBot(analysis.emotion)
        replies.observeBot(
            words: analysis.wordCount, at: observation.at, sessionIndex: observation.session.index)
    }

    private mutating func applyUser(_ analysis: MessageAnalysis, _ observation: Observation) {
        userMessages += 1
        userWords += analysis.wordCount
        lengths.add(Double(analysis.wordCount))
        if let seconds = replies.observeUser(at: observation.at, sessionIndex: observation.session.index) {
            latencies.add(seconds)
        }
        addHour(observation.at)
        questionKinds[Int(analysis.questionKind.rawValue)] += 1
        questions.add(analysis.isQuestion ? 1 : 0)
        capitals.add(analysis.capsRatio)
        marks.add(Double(analysis.exclamations + analysis.emojiCount))
        backchannels.add(analysis.cues.contains(.backchannel) ? 1 : 0)
        if analysis.rulesApply && analysis.wordCount > 0 { addWords(analysis) }
        for term in analysis.terms { vocabulary.add(term.hash) }
        emotions.observeUser(analysis.emotion)
        if let topic = observation.topic?.topicID {
            currentRun = topic == currentTopic ? min(currentRun + 1, RecentMean.memory) : 1
            currentTopic = topic
            topicRun.add(Double(currentRun))
        }
    }

    /// What the rules about words say, where they had something to go by.
    private mutating func addWords(_ analysis: MessageAnalysis) {
        let words = Double(analysis.wordCount)
        formality.add(analysis.formality)
        hedges.add(Double(analysis.hedges) / words)
        politeness.add(Double(analysis.politenessCues) / words)
        firstPerson.add(Double(analysis.firstPerson) / words)
        disclosure.add(analysis.cues.contains(.selfDisclosure) ? 1 : 0)
        humor.add(analysis.cues.contains(.laughter) ? 1 : 0)
    }

    private mutating func addHour(_ at: Timestamp) {
        let hour = Int(((at.hourIndex % 24) + 24) % 24)
        hours[hour] += 1
        guard hours.reduce(0, +) >= LogHistogram.totalMax else { return }
        for index in hours.indices { hours[index] /= 2 }
    }

    package func contribute(to row: inout StrategicRow, topics: TopicTracker) {
        var reasons: [String] = []
        if userMessages >= Self.userMessagesMin {
            let labels = StyleLabels(self)
            row.communicationStyle = labels.style
            row.preferredDepth = labels.depth
            row.emotionalEngagement = labels.emotionalEngagement
            row.styleFeatures = features(labels)
            if labels.emotionalEngagement == nil {
                reasons.append("emotional_engagement: no emotion could be read in most messages")
            }
        } else {
            reasons.append("fewer than \(Self.userMessagesMin) messages of the user's")
        }
        row.optimalResponseLength = replies.bestLength
        if row.optimalResponseLength == nil {
            reasons.append("optimal_response_length: fewer than \(ReplyModel.repliesMin) replies with a known outcome")
        }
        if !reasons.isEmpty { row.nullReasons[Self.name] = reasons.joined(separator: "; ") }
        if !replies.isValidated { row.unvalidated.insert(Self.name) }
    }
}
