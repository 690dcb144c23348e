import Bytes
import Engines
import Postgres
import Store

/// Messages of the window that are taken in with one commit, and what they say.
struct WindowPage {
    /// In the order of commits; without text once they are analysed.
    private(set) var messages: [WindowMessage]
    /// What each message says, nil for those that say nothing about a conversation; empty before `analyze`.
    private(set) var analyses: [MessageAnalysis?] = []
    /// Whether nothing of the window comes after it.
    let isLast: Bool
    /// The position of its last message.
    let end: CommitPosition
    private let start: CommitPosition
    private let generation: Int64

    /// Reads the page that follows a position.
    ///
    /// - Parameters:
    ///   - state: as loaded; the page may be read while the one before it, which moves the state on, is not stored yet.
    ///   - window: that of the state.
    ///   - start: the last position before the page.
    ///   - rowsMax: how many messages it has, unless it is the last.
    ///   - connection: where to read.
    /// - Throws: errors of the database; `JobFailure` if messages come in another order.
    init(
        _ state: ClusteringState, _ window: Snapshot, from start: CommitPosition, rowsMax: Int64,
        _ connection: inout Connection
    ) throws {
        var from = state
        from.position = start
        messages = try connection.query(ScanWindowMessages(state: from, window: window, rowsMax: rowsMax))
        for (row, next) in zip(messages, messages.dropFirst()) where row.position >= next.position {
            throw JobFailure("expected messages in the order of commits, got: another order")
        }
        isLast = messages.count < Int(rowsMax)
        end = messages.last?.position ?? start
        self.start = start
        generation = start == state.position ? state.generation : state.generation + 1
    }

    /// Whether it is the next page of a state: nothing but the page before it has changed vectors since it was read.
    func follows(_ state: ClusteringState) -> Bool { start == state.position && generation == state.generation }

    /// Reads the messages' texts, unless that is done.
    mutating func analyze(with analyzer: TextAnalyzer) {
        guard analyses.isEmpty else { return }
        analyses = messages.map { $0.analysis(by: analyzer) }
        // So that the texts of one page at a time are held: they may have 32 kB each.
        for index in messages.indices {
            messages[index].content = ""
            messages[index].embedding = nil
        }
    }
}

extension WindowMessage {
    /// What it says about its conversation; nil: nothing, because neither side said it.
    func analysis(by analyzer: TextAnalyzer) -> MessageAnalysis? {
        if role == .system { return nil }
        return analyzer.analyze(content: content, suppliedEmbedding: embedding, readsEmotion: false)
    }
}
