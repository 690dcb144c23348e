/// Names clusters by their keywords; a language model implements it.
package protocol ClusterNamer: Sendable {
    /// What is recorded beside a name, such as a model's name.
    var name: String { get }

    /// Names clusters, one after the other, for as long as it may.
    ///
    /// - Parameters:
    ///   - keywords: of each cluster, best first; nothing else about it is told.
    ///   - checkStop: throws if the run has to end; to be called at least every second of waiting.
    /// - Returns: a name for each cluster that was asked about, nil where there was no usable answer, and why it ended
    ///   early, if it did: without content, for the run's record.
    /// - Throws: only what `checkStop` throws: clusters do well without names.
    func names(
        for keywords: [[String]], checkStop: () throws -> Void
    ) throws -> (names: [String?], refusal: String?)
}
