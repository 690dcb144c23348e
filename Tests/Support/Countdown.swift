import Synchronization

/// Counts calls, and says when enough were made.
package final class Countdown: Sendable {
    private let left: Mutex<Int>

    /// - Parameter count: how many calls pass.
    package init(from count: Int) { left = Mutex(count) }

    /// True from the call after the last that passes.
    package func isOver() -> Bool {
        left.withLock { left in
            if left == 0 { return true }
            left -= 1
            return false
        }
    }
}
