/// What every list and text of a pair is bounded by.
package enum Limits {
    package static let memoryCandidatesMax = 16
    package static let recentTopicsMax = 8
    package static let topicsTrackedMax = 24
    package static let suggestedTopicsMax = 5
    /// Attempts of a week that are counted against a cap.
    package static let outreachTimesMax = 64
    package static let traitsMax = 16
    package static let traitHistoryDaysMax = 30
    /// Bytes of an encoded engine state.
    package static let stateBytesMax = 16 * 1024
    /// Bytes of a message's content that import and the table accept.
    package static let contentBytesMax = 65_536
    /// Bytes of an identifier (user, bot, conversation, memory, trait, metric, topic).
    package static let identifierBytesMax = 256
    /// Hours that a pair keeps of its contribution to its bot's hourly buckets.
    package static let bucketHoursMax = 192
    /// Silence that ends a session when messages carry no conversation id.
    package static let sessionGapSeconds = 1800.0
}
