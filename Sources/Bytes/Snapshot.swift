/// A PostgreSQL snapshot: which transactions were visible at a moment (`pg_snapshot`).
///
/// Source: PostgreSQL manual, "System Information Functions", `pg_current_snapshot`.
package struct Snapshot: Hashable, Sendable {
    /// The lowest transaction id still active: all below are visible (or rolled back).
    package var minimum: UInt64
    /// One past the highest completed transaction id: none at or above is visible.
    package var maximum: UInt64
    /// Transactions in progress between `minimum` and `maximum`, ascending.
    package var inProgress: [UInt64]

    package init(minimum: UInt64, maximum: UInt64, inProgress: [UInt64]) {
        self.minimum = minimum
        self.maximum = maximum
        self.inProgress = inProgress
    }

    /// Tells whether a transaction had ended before this snapshot was taken; same as `pg_visible_in_snapshot`.
    ///
    /// - Parameter transaction: a top-level transaction id (`xid8`).
    /// - Returns: whether what the transaction did is visible, if it committed.
    /// - Complexity: O(log n) in the transactions in progress.
    package func sees(_ transaction: UInt64) -> Bool {
        if transaction < minimum { return true }
        if transaction >= maximum { return false }
        var low = 0
        var high = inProgress.count
        while low < high {
            let middle = (low + high) / 2
            if inProgress[middle] < transaction { low = middle + 1 } else { high = middle }
        }
        return low == inProgress.count || inProgress[low] != transaction
    }
}
