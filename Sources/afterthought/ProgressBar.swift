import Postgres

/// A line on a terminal that shows how far long work is; nothing at all when standard error is no terminal.
struct ProgressBar {
    private static let redrawNanoseconds: UInt64 = 100_000_000
    private static let barColumns = 24

    private let started = Deadline.now
    private var drawn: UInt64 = 0
    private var isShown = false
    private let isEnabled: Bool

    init(isEnabled: Bool = Terminal.showsProgress) { self.isEnabled = isEnabled }

    /// Shows a state of the work, at most ten times a second.
    ///
    /// - Parameters:
    ///   - label: what is being done.
    ///   - share: 0…1; nil: unknown.
    ///   - detail: what stands behind the bar.
    mutating func show(_ label: String, share: Double?, detail: String) {
        let now = Deadline.now
        guard isEnabled, now - drawn >= Self.redrawNanoseconds else { return }
        drawn = now
        isShown = true
        let text = Self.line(label, share: share, detail: detail, elapsed: Double(now - started) / 1e9)
        Terminal.noteRaw("\r\u{1B}[K" + TextWidth.cut(text, columnsMax: Terminal.columns - 1))
    }

    /// Removes the line.
    mutating func finish() {
        if isShown { Terminal.noteRaw("\r\u{1B}[K") }
        isShown = false
    }

    static func line(_ label: String, share: Double?, detail: String, elapsed: Double) -> String {
        guard let share else { return "\(label)  \(detail)" }
        let bounded = min(1, max(0, share))
        let full = Int((bounded * Double(barColumns)).rounded(.down))
        let bar = String(repeating: "█", count: full) + String(repeating: "░", count: barColumns - full)
        let left = bounded > 0.01 && bounded < 1 ? "  \(spoken(seconds: elapsed / bounded * (1 - bounded))) left" : ""
        return "\(label)  \(bar) \(Int((bounded * 100).rounded(.down))) %  \(detail)\(left)"
    }
}
