import Bytes
import Engines
import Model
import Worker

/// One message in a user's life: the user's own, or one that was written to the user.
struct EngagementEvent {
    var at: Timestamp
    var isUser: Bool
    /// Of the user's own messages, without terms and embedding.
    var analysis: MessageAnalysis?
}

/// What became of one message to a user, and what was predicted of it beforehand.
struct EngagementTrial {
    var user: String
    var at: Timestamp
    var silenceSeconds: Double
    /// The features of the population's model.
    var features: [Double]
    /// What the product would have told; nil where it tells nothing yet.
    var receptivity: Double?
    /// Whether the user asked not to be contacted: receptivity is then a rule, no prediction.
    var isOptedOut: Bool
    var isAnswered = false
}

/// Users' timelines out of the chat sets with real times.
enum EngagementData {
    static let chats = "byu_chitchat/messages.csv.gz"
    static let sessions = "byu_chitchat/user_sessions.csv"
    static let logs = "irc_disentangle/logs.jsonl.gz"

    /// Whether weights may be fitted on this user; figures are of the others.
    static func isForFitting(_ user: String) -> Bool { StableHash.hash("fit:" + user) & 1 == 0 }

    /// Each person of a conversation is its user once; messages of others count from that person's first one on,
    /// because who never wrote is not in the set.
    static func chatTimelines(_ data: DataFolder) throws -> [String: [EngagementEvent]] {
        let table = try data.table(chats)
        let columns = try ["conversation_id", "user_id", "created_at", "text"].map { try table.column($0) }
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        var timelines: [String: [EngagementEvent]] = [:]
        var conversation = ""
        var present: [String] = []
        for row in table.rows {
            if row[columns[0]] != conversation {
                conversation = row[columns[0]]
                present = []
            }
            let writer = row[columns[1]]
            let at = try Timestamp(text: row[columns[2]])
            if !present.contains(writer) { present.append(writer) }
            for user in present {
                let isUser = user == writer
                timelines[user, default: []].append(
                    EngagementEvent(
                        at: at, isUser: isUser, analysis: isUser ? analysis(row[columns[3]], analyzer) : nil))
            }
        }
        return timelines.mapValues(sorted)
    }

    /// A line that a link says answers an earlier one of somebody is written to that person.
    ///
    /// Times are logged in minutes: the lines of a minute are spread evenly over it, in their order.
    static func logTimelines(_ data: DataFolder) throws -> [String: [EngagementEvent]] {
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        var timelines: [String: [EngagementEvent]] = [:]
        for log in try data.lines(logs) {
            let channel = try log.member("channel").string ?? ""
            var lines: [Int: (at: Timestamp, user: String)] = [:]
            let messages = try log.member("messages").array ?? []
            let perMinute = messages.reduce(into: [:]) { $0[$1[1]?.string ?? "", default: 0.0] += 1 }
            var places: [String: Double] = [:]
            for line in messages {
                places[line[1]?.string ?? "", default: -0.5] += 1
                guard let index = line[0]?.double, let time = line[1]?.string, !time.isEmpty,
                    let nick = line[2]?.string, !nick.isEmpty, line[3]?.string != "system"
                else { continue }
                let user = channel + "/" + nick
                let at = try Timestamp(text: time)
                    .advanced(bySeconds: 60 * (places[time] ?? 0) / (perMinute[time] ?? 1))
                lines[Int(index)] = (at, user)
                timelines[user, default: []].append(
                    EngagementEvent(at: at, isUser: true, analysis: analysis(line[4]?.string ?? "", analyzer)))
            }
            for link in try log.member("links").array ?? [] {
                guard let from = link[0]?.double, let to = link[1]?.double, let earlier = lines[Int(from)],
                    let later = lines[Int(to)], earlier.user != later.user
                else { continue }
                timelines[earlier.user, default: []].append(EngagementEvent(at: later.at, isUser: false))
            }
        }
        return timelines.mapValues(sorted)
    }

    private static func analysis(_ text: String, _ analyzer: TextAnalyzer) -> MessageAnalysis {
        var analysis = analyzer.analyze(content: text)
        analysis.terms = []
        analysis.embedding = []
        return analysis
    }

    /// Ascending by time; at equal times as they came.
    private static func sorted(_ events: [EngagementEvent]) -> [EngagementEvent] {
        events.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    }

    /// Folds timelines into the engine and keeps its predictions, ascending by time.
    static func trials(_ timelines: [String: [EngagementEvent]]) -> [EngagementTrial] {
        var trials: [EngagementTrial] = []
        for (user, events) in timelines.sorted(by: { $0.key < $1.key }) {
            var engine = ProactiveEngagementEngine()
            var sessions = SessionTracker()
            var open: EngagementTrial?
            for (place, event) in events.enumerated() {
                let message = Message(
                    id: Int64(place), role: event.isUser ? .user : .assistant, content: "", createdAt: event.at)
                let session = sessions.observe(message, at: event.at)
                if event.isUser {
                    if var trial = open {
                        trial.isAnswered = event.at.seconds(since: trial.at) <= Receptivity.answerSeconds
                        trials.append(trial)
                    }
                    open = nil
                } else if engine.opensTrial(at: event.at) {
                    if let trial = open { trials.append(trial) }
                    open = trial(of: user, at: event.at, engine)
                }
                engine.apply(
                    Observation(
                        row: InputRow(effectiveAt: event.at, event: .message(message)), session: session,
                        previous: nil, analysis: event.analysis, topic: nil))
            }
            if let trial = open { trials.append(trial) }
        }
        return trials.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    }

    private static func trial(of user: String, at: Timestamp, _ engine: ProactiveEngagementEngine) -> EngagementTrial {
        var row = StrategicRow(pair: Pair(userID: user, botName: "others"))
        engine.contribute(to: &row, topics: TopicTracker())
        var anchors = Projections.ReceptivityAnchors()
        anchors.intercept = row.receptivityIntercept
        anchors.recencyWeight = row.receptivityRecencyWeight
        anchors.hourLogits = row.receptivityHourLogits
        anchors.lastUserMessageAt = row.lastUserMessageAt
        return EngagementTrial(
            user: user, at: at, silenceSeconds: row.lastUserMessageAt.map { max(0, at.seconds(since: $0)) } ?? 0,
            features: engine.receptivityFeatures(at: at), receptivity: Projections.receptivity(anchors, at: at),
            isOptedOut: row.receptivityIntercept == ProactiveEngagementEngine.optedOutLogit)
    }
}

/// One silence of a user after a session.
struct EngagementGap {
    var user: String
    var hours: Double
    /// Whether the user came back; else the record ended.
    var hasReturned: Bool
    var features: [Double]
    /// What the engine expects.
    var expectedHours: Double
    /// The median of the user's earlier gaps.
    var ownMedianHours: Double?
}

extension EngagementData {
    /// Newest gaps of a user that count: one user is in a quarter of all conversations.
    static let gapsMax = 20

    /// Users' gaps between sessions, at most the `gapsMax` newest of each.
    ///
    /// Conversations less than half an hour apart are
    /// one session; the record ends with its last message.
    static func gaps(_ data: DataFolder) throws -> [EngagementGap] {
        let table = try data.table(sessions)
        let columns = try ["user_id", "first_message_at", "last_message_at", "n_messages_by_user"]
            .map { try table.column($0) }
        var byUser: [String: [(start: Timestamp, end: Timestamp, messages: Int)]] = [:]
        var end = Timestamp.negativeInfinity
        for row in table.rows {
            let last = try Timestamp(text: row[columns[2]])
            end = max(end, last)
            byUser[row[columns[0]], default: []].append(
                (try Timestamp(text: row[columns[1]]), last, Int(row[columns[3]]) ?? 1))
        }
        return byUser.sorted { $0.key < $1.key }.flatMap { user, sessions in
            gaps(of: user, merged(sessions.sorted { ($0.start, $0.end) < ($1.start, $1.end) }), end: end)
        }
    }

    private static func merged(
        _ sessions: [(start: Timestamp, end: Timestamp, messages: Int)]
    ) -> [(start: Timestamp, end: Timestamp, messages: Int)] {
        sessions.reduce(into: []) { merged, session in
            if let last = merged.last, session.start.seconds(since: last.end) <= Limits.sessionGapSeconds {
                merged[merged.count - 1].end = max(last.end, session.end)
                merged[merged.count - 1].messages += session.messages
            } else {
                merged.append(session)
            }
        }
    }

    private static func gaps(
        of user: String, _ sessions: [(start: Timestamp, end: Timestamp, messages: Int)], end: Timestamp
    ) -> [EngagementGap] {
        var hazard = ReturnHazard()
        var known: [Double] = []
        var gaps: [EngagementGap] = []
        for (place, session) in sessions.enumerated() {
            let next = place + 1 < sessions.count ? sessions[place + 1].start : nil
            let hours = (next ?? end).hours(since: session.end)
            gaps.append(
                EngagementGap(
                    user: user, hours: hours, hasReturned: next != nil,
                    features: hazard.features(sessionMessages: session.messages, at: session.end),
                    expectedHours: hazard.restrictedMeanHours(sessionMessages: session.messages, at: session.end),
                    ownMedianHours: known.isEmpty ? nil : median(known)))
            if let next {
                hazard.returned(after: hours, at: next)
                known.append(hours)
            }
        }
        return Array(gaps.suffix(gapsMax))
    }
}
