import Bytes

extension ConversationStyleEngine {
    package func encode(into writer: inout StateWriter) {
        for count in [userMessages, botMessages, userWords, botWords, currentRun] { writer.write(UInt64(count)) }
        writer.write(currentTopic) { writer, id in writer.write(UInt64(id)) }
        lengths.encode(into: &writer)
        latencies.encode(into: &writer)
        for count in hours { writer.write(UInt64(count)) }
        for count in questionKinds { writer.write(UInt64(count)) }
        for mean in [
            formality, questions, hedges, politeness, firstPerson, marks, capitals, disclosure, humor, backchannels,
            topicRun,
        ] { mean.encode(into: &writer) }
        vocabulary.encode(into: &writer)
        emotions.encode(into: &writer)
        replies.encode(into: &writer)
    }

    package init(from reader: inout StateReader) throws(StateError) {
        userMessages = try reader.readCounter()
        botMessages = try reader.readCounter()
        userWords = try reader.readCounter()
        botWords = try reader.readCounter()
        currentRun = Int(try reader.readUnsigned(max: UInt64(RecentMean.memory)))
        currentTopic = try reader.readOptional { reader throws(StateError) in
            UInt32(try reader.readUnsigned(max: UInt64(UInt32.max)))
        }
        lengths = try LogHistogram(from: &reader, resolution: lengths.resolution)
        latencies = try LogHistogram(from: &reader, resolution: latencies.resolution)
        for hour in hours.indices { hours[hour] = Int(try reader.readUnsigned(max: UInt64(LogHistogram.totalMax))) }
        guard hours.reduce(0, +) < LogHistogram.totalMax else { throw reader.fault("counts of hours") }
        for kind in questionKinds.indices { questionKinds[kind] = try reader.readCounter() }
        formality = try RecentMean(from: &reader)
        questions = try RecentMean(from: &reader)
        hedges = try RecentMean(from: &reader)
        politeness = try RecentMean(from: &reader)
        firstPerson = try RecentMean(from: &reader)
        marks = try RecentMean(from: &reader)
        capitals = try RecentMean(from: &reader)
        disclosure = try RecentMean(from: &reader)
        humor = try RecentMean(from: &reader)
        backchannels = try RecentMean(from: &reader)
        topicRun = try RecentMean(from: &reader)
        vocabulary = try Vocabulary(from: &reader)
        emotions = try EmotionDynamics(from: &reader)
        replies = try ReplyModel(from: &reader)
    }
}

extension StateReader {
    /// Reads a count of messages or words.
    fileprivate mutating func readCounter() throws(StateError) -> Int {
        Int(try readUnsigned(max: TopicTracker.countMax))
    }
}
