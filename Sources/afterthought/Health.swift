import Bytes
import Store

/// Whether a worker does its part, decided from what was seen; asks nobody.
struct Health: Equatable {
    /// Worse than ok: nobody works here, or nothing comes of it.
    var isWell: Bool
    /// One line, without a full stop.
    var text: String
    /// Seconds since the worker last ended a cycle; nil: it has not, or there is none.
    var cycleAgeSeconds: Double?
    var shards: Int64?

    /// How old a cycle may be beside two pauses between cycles: a batch, a failover and some retries fit in.
    static let graceSeconds = 60.0

    /// The limit for a worker's own pace, unless the caller names one.
    static func ageSecondsMax(_ given: Double?, cycleSeconds: Double) -> Double {
        given ?? graceSeconds + 2 * cycleSeconds
    }

    /// Judges by the pulse alone: whether the worker moves, though its database may be away.
    ///
    /// - Parameters:
    ///   - pulse: nil: no worker lives.
    ///   - now: on the pulse's clock.
    ///   - limit: how old the pulse may be, in seconds; nil: by the worker's pace.
    /// - Returns: the verdict.
    static func alive(_ pulse: Pulse?, now: UInt64, limit: Double?) -> Health {
        guard let pulse else { return noWorker }
        let age = Pulse.seconds(from: pulse.aliveAt, to: now)
        let most = ageSecondsMax(limit, cycleSeconds: pulse.cycleSeconds)
        let isWell = age < most
        return Health(
            isWell: isWell,
            text: isWell
                ? "the worker moved \(spoken(seconds: age)) ago"
                : "expected the worker to have moved in \(spoken(seconds: most)), got: \(spoken(seconds: age)) ago",
            cycleAgeSeconds: pulse.workedAt.map { Pulse.seconds(from: $0, to: now) })
    }

    /// Judges the worker that this pulse is of, in a database that answers and has this build's schema.
    static func own(_ pulse: Pulse?, _ presence: WorkerPresence, now: UInt64, limit: Double?) -> Health {
        guard let pulse else { return noWorker }
        guard let workedAt = pulse.workedAt else {
            return Health(isWell: false, text: "expected the worker to have ended a cycle, got: none yet")
        }
        let age = Pulse.seconds(from: workedAt, to: now)
        let most = ageSecondsMax(limit, cycleSeconds: pulse.cycleSeconds)
        var health = Health(isWell: false, text: "", cycleAgeSeconds: age, shards: presence.shards)
        if presence.workers == 0 {
            health.text = "expected the worker to hold a lease in this database, got: none"
        } else if age >= most {
            health.text = "expected a cycle in \(spoken(seconds: most)), got: the last one \(spoken(seconds: age)) ago"
        } else {
            health.isWell = true
            health.text = "last cycle \(spoken(seconds: age)) ago, \(presence.shards) of 64 shards"
        }
        return health
    }

    /// Judges whoever works on the database, where no pulse is to be had.
    static func anybody(_ presence: WorkerPresence, limit: Double?) -> Health {
        let most = limit ?? graceSeconds
        var health = Health(
            isWell: false, text: "", cycleAgeSeconds: presence.verifiedSecondsAgo, shards: presence.shards)
        if presence.workers == 0 {
            health.text = "expected a worker with a lease, got: none"
        } else if presence.shardsCatchingUp > 0 {
            // The time of a shard is stamped when its window is done; the lease alone says that somebody is at it.
            health.isWell = true
            health.text = "catching up in \(presence.shardsCatchingUp) shards, workers: \(presence.workers)"
        } else if let age = presence.verifiedSecondsAgo, age < most {
            health.isWell = true
            health.text =
                "last cycle \(spoken(seconds: age)) ago, \(presence.shards) of 64 shards, workers: \(presence.workers)"
        } else {
            let got = presence.verifiedSecondsAgo.map { "the last one \(spoken(seconds: $0)) ago" } ?? "none yet"
            health.text = "expected a cycle in \(spoken(seconds: most)), got: \(got)"
        }
        return health
    }

    private static let noWorker = Health(isWell: false, text: "expected a worker beside this command, got: none")
}
