import Bytes
import Glibc
import Model

/// At which hours of the day (UTC) a user writes.
///
/// An hour in which the user wrote counts once, however much was written in it. The profile is
/// p_h = (s_h + κ/24) / (N + κ), s the counts smoothed over neighbouring hours by ¼ ½ ¼, round the clock, κ = 6 hours.
package struct ActiveHours: Equatable, Sendable {
    static let priorHours = 6.0
    static let logitMax = 2.0

    private(set) var counts = [Int](repeating: 0, count: 24)
    private(set) var lastHour: Int64?

    package init() {}

    package mutating func add(_ at: Timestamp) {
        guard at.hourIndex != lastHour else { return }
        lastHour = at.hourIndex
        counts[Int(((at.hourIndex % 24) + 24) % 24)] += 1
    }

    /// The probability of each hour of the day, adding up to 1.
    var profile: [Double] {
        let total = Double(counts.reduce(0, +))
        return (0..<24).map { hour in
            let near = Double(counts[(hour + 23) % 24]) + Double(counts[(hour + 1) % 24])
            return (0.5 * Double(counts[hour]) + 0.25 * near + Self.priorHours / 24) / (total + Self.priorHours)
        }
    }

    /// The hours in which the user is likelier to write than at an average hour, best first.
    var likely: [Int] {
        let profile = profile
        return (0..<24).filter { profile[$0] > 1.0 / 24 }
            .sorted { profile[$0] != profile[$1] ? profile[$0] > profile[$1] : $0 < $1 }
    }

    /// Each hour's log-odds against an average hour, bounded by ±`logitMax`.
    package var logits: [Double] { profile.map { min(max(log(24 * $0), -Self.logitMax), Self.logitMax) } }

    func encode(into writer: inout StateWriter) {
        for count in counts { writer.write(UInt64(count)) }
        writer.write(lastHour) { writer, hour in writer.write(hour) }
    }

    init(from reader: inout StateReader) throws(StateError) {
        for hour in counts.indices { counts[hour] = try reader.readTally() }
        lastHour = try reader.readOptional { reader throws(StateError) in
            let hour = try reader.readSigned()
            guard hour.magnitude <= 2_500_001 else { throw reader.fault("an hour between 1684 and 2255") }
            return hour
        }
    }
}
