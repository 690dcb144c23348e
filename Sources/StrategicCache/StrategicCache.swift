import Bytes
import Model
import Postgres

/// Reads what was thought about conversations, on the hot path: never waits longer than its deadline, never throws.
///
///     let cache = try StrategicCache(.environment)
///     let view = cache.read(user: "u42", bot: "elena")
///
/// A fresh row in the process answers without the database. Otherwise one statement reads one row by its primary key.
/// Past the deadline, or without a database, the last known row stands in, marked stale with its age, or else a
/// heuristic on what the caller has in hand. Safe to use from any number of threads.
///
/// It works against a standby; the moments of an answer are then the standby's, so that clocks that differ shift
/// freshness by as much.
public final class StrategicCache: Sendable {
    private let configuration: Configuration
    private let store: RowStore
    private let keeper: Keeper
    private let clock: ReaderClock
    private let threads: ReaderThreads
    let listener: Listener?

    /// Makes a cache; connecting happens in the background.
    ///
    /// - Parameter configuration: what to connect to, and bounds.
    /// - Throws: `ConfigurationError` when the configuration can't be used; never because the database is away.
    public convenience init(_ configuration: Configuration) throws(ConfigurationError) {
        try self.init(configuration, clock: .boottime)
    }

    init(_ configuration: Configuration, clock: ReaderClock) throws(ConfigurationError) {
        let options = try configuration.connectionOptions()
        self.configuration = configuration
        self.clock = clock
        store = RowStore(entriesMax: configuration.lastKnownEntriesMax)
        keeper = Keeper(options: options, poolSize: configuration.poolSize, clock: clock, store: store)
        threads = ReaderThreads(countMax: configuration.poolSize)
        listener = configuration.listensForChanges ? Listener(options: options, store: store) : nil
        keeper.start()
        listener?.start()
    }

    deinit { close() }

    /// Stops the background work and closes every connection; reads then give last known rows and fallbacks.
    public func close() {
        threads.stop()
        listener?.stop()
        keeper.stop()
    }

    /// Waits until the database answers; for programs that would rather start late than with fallbacks.
    ///
    /// - Parameter milliseconds: how long at most.
    /// - Returns: whether it answers.
    public func waitUntilReady(milliseconds: Int) -> Bool {
        keeper.waitUntilReady(.after(milliseconds: UInt64(max(milliseconds, 0))))
    }

    /// Reads everything known of a pair, within the deadline.
    ///
    /// - Parameters:
    ///   - user: the user's id.
    ///   - bot: the bot's name.
    ///   - context: what the caller has in hand, for heuristics.
    /// - Returns: fresh, stale or missing; never nothing.
    public func read(user: String, bot: String, context: RecentContext = RecentContext()) -> StrategicView {
        read(user: user, bot: bot, context: context, deadlineMilliseconds: nil)
    }

    /// Reads everything known of a pair, within a deadline of this read's own.
    ///
    /// - Parameters:
    ///   - user: the user's id.
    ///   - bot: the bot's name.
    ///   - context: what the caller has in hand, for heuristics.
    ///   - deadlineMilliseconds: how long it may take at most, 1…60 000; nil: the configuration's.
    /// - Returns: fresh, stale or missing; never nothing.
    package func read(
        user: String, bot: String, context: RecentContext, deadlineMilliseconds: Int?
    ) -> StrategicView {
        let now = clock.nanoseconds()
        if let view = hit(user: user, bot: bot, context: context, now: now) { return view }
        let milliseconds = deadlineMilliseconds ?? configuration.deadlineMilliseconds
        let deadline = Deadline.after(milliseconds: UInt64(max(milliseconds, 1)))
        return readDatabase(Pair(userID: user, botName: bot), context, startedAt: now, deadline)
    }

    /// Reads everything known of a pair, within the deadline, without blocking the caller's thread.
    ///
    /// - Parameters:
    ///   - user: the user's id.
    ///   - bot: the bot's name.
    ///   - context: what the caller has in hand, for heuristics.
    /// - Returns: fresh, stale or missing; never nothing.
    public func read(user: String, bot: String, context: RecentContext = RecentContext()) async -> StrategicView {
        let now = clock.nanoseconds()
        if let view = hit(user: user, bot: bot, context: context, now: now) { return view }
        let deadline = Deadline.after(milliseconds: UInt64(configuration.deadlineMilliseconds))
        let pair = Pair(userID: user, botName: bot)
        return await withCheckedContinuation { continuation in
            let isTaken = threads.run {
                continuation.resume(returning: self.readDatabase(pair, context, startedAt: now, deadline))
            }
            if !isTaken { continuation.resume(returning: self.standIn(pair, context, startedAt: now)) }
        }
    }

    /// The view of a row in the process that is still fresh.
    private func hit(user: String, bot: String, context: RecentContext, now: UInt64) -> StrategicView? {
        guard configuration.servesHits, let row = store.find(user: user, bot: bot), now < row.freshUntil else {
            return nil
        }
        return answer(row.pair, row, isFresh: true, .hit, context, startedAt: now, at: now)
    }

    private func readDatabase(
        _ pair: Pair, _ context: RecentContext, startedAt: UInt64, _ deadline: Deadline
    ) -> StrategicView {
        guard let connection = keeper.pool.take(deadline) else { return standIn(pair, context, startedAt: startedAt) }
        // Before the query: whatever they promise is then in the row.
        let watermarks = keeper.watermarks
        let sentAt = clock.nanoseconds()
        do throws(PostgresError) {
            let isAlone = watermarks?.hasRules == false
            var content =
                isAlone
                ? try connection.connection.first(ReadRowAlone(pair: pair), deadline: deadline)
                : try connection.connection.first(ReadRow(pair: pair), deadline: deadline)
            if keeper.characters.note(pair.botName) { readCharacter(pair.botName, connection, deadline) }
            if let zone = content?.rule.needsZone == true ? content?.rule.timeZone : nil {
                content?.zone = keeper.zones.find(zone) ?? readZone(zone, connection, deadline)
            }
            keeper.pool.give(back: connection, answered: true)
            guard var content else {
                store.remove(pair)
                let now = clock.nanoseconds()
                return answer(pair, nil, isFresh: false, .missing, context, startedAt: startedAt, at: now)
            }
            for engine in watermarks?.unvalidatedEngines ?? [] where !content.unvalidated.contains(engine) {
                content.unvalidated.append(engine)
            }
            let verdict = watermarks?.judge(
                shard: Int(content.shard), engineVersion: content.engineVersion, configHash: content.configHash,
                staleReason: content.staleReason)
            let row = StoredRow(pair: pair, content: content, readAt: sentAt, verdict: verdict)
            store.store(row)
            // The first rule came meanwhile: the keeper may have looked through the store before this row was in it.
            if isAlone, keeper.watermarks?.hasRules != false {
                store.store(StoredRow(pair: pair, content: content, readAt: sentAt, verdict: nil))
            }
            let now = clock.nanoseconds()
            let isFresh = now < row.freshUntil
            if !isFresh, configuration.requestsRefresh { keeper.requestRefresh(pair) }
            return answer(
                pair, row, isFresh: isFresh, isFresh ? .fresh : .stale, context, startedAt: startedAt, at: now)
        } catch {
            // An error that the server or the check of the values reports says nothing against the database: a caller
            // with odd user ids must not open the breaker for all.
            keeper.pool.give(back: connection, answered: error.code != .timeout && !error.isConnectionLoss)
            return standIn(pair, context, startedAt: startedAt)
        }
    }

    /// Reads the row of a bot that was not read here before; later the keeper renews it.
    private func readCharacter(_ bot: String, _ connection: ReaderConnection, _ deadline: Deadline) {
        let readAt = clock.nanoseconds()
        guard let found = try? connection.connection.query(ReadCharacters(bots: [bot]), deadline: deadline) else {
            return
        }
        keeper.characters.store(found, of: [bot], readAt: readAt)
    }

    /// Reads what a zone's clock shows the first time that a rule names it; later the keeper renews it.
    private func readZone(_ zone: String, _ connection: ReaderConnection, _ deadline: Deadline) -> ZoneOffsets? {
        guard let rows = try? connection.connection.query(ReadZones(zones: [zone]), deadline: deadline) else {
            return nil
        }
        let found = ReadZones.grouped(rows)
        keeper.zones.store(found)
        return found[zone]
    }

    /// What is answered when the database does not: the last known row, unless it is too old.
    private func standIn(_ pair: Pair, _ context: RecentContext, startedAt: UInt64) -> StrategicView {
        let now = clock.nanoseconds()
        if let row = store.find(user: pair.userID, bot: pair.botName),
            row.moment(at: now).seconds(since: row.completeThrough) <= Double(configuration.staleSecondsMax)
        {
            return answer(pair, row, isFresh: false, .lastKnown, context, startedAt: startedAt, at: now)
        }
        return answer(pair, nil, isFresh: false, .unavailable, context, startedAt: startedAt, at: now)
    }

    private func answer(
        _ pair: Pair, _ row: StoredRow?, isFresh: Bool, _ outcome: ReadMetrics.Outcome, _ context: RecentContext,
        startedAt: UInt64, at now: UInt64
    ) -> StrategicView {
        let view = StrategicView(
            pair: pair, row: row, isFresh: isFresh, at: now, characters: keeper.characters, context: context)
        if let onRead = configuration.onRead {
            let passed = clock.nanoseconds() &- startedAt
            onRead(ReadMetrics(outcome: outcome, duration: .nanoseconds(Int64(clamping: passed)), age: view.age))
        }
        return view
    }
}
