/// Decides whether a request may come now: so many a second, and some at once, for each address and for all together.
///
/// A token bucket for each address and one for all; addresses that were quiet long enough are forgotten, and when there
/// are too many the one that was quiet longest is.
package struct RateLimiter: Sendable {
    /// What a bucket holds and how fast it fills again.
    package struct Rate: Hashable, Sendable {
        package var perSecond: Double
        package var atOnceMax: Double

        package init(perSecond: Double, atOnceMax: Double) {
            self.perSecond = perSecond
            self.atOnceMax = atOnceMax
        }
    }

    private struct Bucket {
        var tokens: Double
        /// Nanoseconds of the monotonic clock.
        var at: UInt64

        mutating func fill(_ rate: Rate, now: UInt64) {
            let seconds = now > at ? Double(now - at) / 1e9 : 0
            tokens = min(rate.atOnceMax, tokens + seconds * rate.perSecond)
            at = max(at, now)
        }
    }

    package static let addressesMax = 1024

    private let each: Rate
    private let all: Rate
    private var total: Bucket
    private var buckets: [String: Bucket] = [:]

    package init(each: Rate, all: Rate) {
        self.each = each
        self.all = all
        total = Bucket(tokens: all.atOnceMax, at: 0)
    }

    /// How many addresses are remembered.
    package var addressCount: Int { buckets.count }

    /// Takes a request.
    ///
    /// - Parameters:
    ///   - address: whose it is.
    ///   - now: nanoseconds of the monotonic clock.
    /// - Returns: nil: it may come; else seconds after which another may.
    /// - Complexity: O(1), and O(addresses) when there are too many of them.
    package mutating func take(_ address: String, now: UInt64) -> Double? {
        var own = buckets[address] ?? Bucket(tokens: each.atOnceMax, at: now)
        own.fill(each, now: now)
        total.fill(all, now: now)
        defer {
            buckets[address] = own
            if buckets.count > Self.addressesMax { forget(now) }
        }
        // One address that asks too much takes nothing from the others.
        guard own.tokens >= 1 else { return (1 - own.tokens) / each.perSecond }
        guard total.tokens >= 1 else { return (1 - total.tokens) / all.perSecond }
        own.tokens -= 1
        total.tokens -= 1
        return nil
    }

    private mutating func forget(_ now: UInt64) {
        let seconds = each.atOnceMax / each.perSecond
        buckets = buckets.filter { Double(now &- min($0.value.at, now)) / 1e9 < seconds }
        while buckets.count > Self.addressesMax, let oldest = buckets.min(by: { $0.value.at < $1.value.at })?.key {
            buckets[oldest] = nil
        }
    }
}
