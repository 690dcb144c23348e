import Bytes
import Glibc
import Model
import Postgres

/// The background thread: connects, fetches watermarks, renews bots' rows, replaces connections, sends refresh
/// requests.
///
/// Whatever may block happens here, so that no read does. It holds the reader's parts, not the reader itself.
final class Keeper: @unchecked Sendable {
    // Unchecked because every member but the constant ones is only touched under the bell's lock, or by the thread
    // alone.

    /// How often the watermarks are fetched, in nanoseconds.
    static let periodNanoseconds: UInt64 = 1_000_000_000
    /// How long one background statement may take, in milliseconds.
    static let statementMilliseconds: UInt64 = 2_000

    let characters = CharacterStore()
    let zones = ZoneStore()
    let pool: ReaderPool
    private let options: ConnectionOptions
    private let clock: ReaderClock
    private let store: RowStore
    private let bell = Bell()
    private var watermarksNow: Watermarks?
    private var ledger = RefreshLedger()
    private var isStopping = false
    private var thread: pthread_t?
    // The thread's own.
    private var control: ReaderConnection?
    private var breaker = CircuitBreaker()

    init(options: ConnectionOptions, poolSize: Int, clock: ReaderClock, store: RowStore) {
        self.options = options
        self.clock = clock
        self.store = store
        pool = ReaderPool(sizeMax: poolSize, bell: bell)
    }

    /// Starts the thread.
    func start() {
        var created = pthread_t()
        let unmanaged = unsafe Unmanaged.passRetained(self)
        let result = unsafe pthread_create(&created, nil, keeperMain, unmanaged.toOpaque())
        precondition(result == 0, "expected a thread, got: error \(result)")
        thread = created
    }

    /// Stops the thread, waits for its end and closes every connection.
    func stop() {
        let running = bell.lock.withLock { () -> pthread_t? in
            isStopping = true
            bell.changed.broadcast()
            defer { thread = nil }
            return thread
        }
        if let running { pthread_join(running, nil) }
        pool.close()
    }

    /// What the shards had reached when the database was last asked.
    var watermarks: Watermarks? { bell.lock.withLock { watermarksNow } }

    /// Asks for a stale pair to be done first; sent from the background, at most once a pair and 30 s.
    func requestRefresh(_ pair: Pair) {
        bell.lock.withLock {
            guard ledger.ask(pair, now: clock.nanoseconds()) else { return }
            bell.hasWork = true
            bell.changed.broadcast()
        }
    }

    /// Waits until rows can be read and judged.
    ///
    /// - Parameter deadline: when to give up.
    /// - Returns: whether they can.
    func waitUntilReady(_ deadline: Deadline) -> Bool {
        bell.lock.withLock {
            while watermarksNow == nil || !pool.isUsable {
                if isStopping || !bell.changed.wait(bell.lock, until: deadline.nanoseconds) { return false }
            }
            return true
        }
    }

    fileprivate func run() {
        while true {
            turn()
            let next = Deadline.after(nanoseconds: Keeper.periodNanoseconds)
            let goesOn = bell.lock.withLock {
                bell.changed.broadcast()
                while !isStopping, !bell.hasWork, bell.changed.wait(bell.lock, until: next.nanoseconds) {}
                bell.hasWork = false
                return !isStopping
            }
            if !goesOn { break }
        }
        sendRefreshRequests()
        control = nil
    }

    private func turn() {
        guard breaker.handle(.request, now: Deadline.now) == .allow else { return }
        // A connection that broke while it lay idle says nothing about the server: a new one is tried at once.
        guard refreshControl() || refreshControl() else {
            breaker.handle(.failure, now: Deadline.now)
            pool.dropIdle()
            pool.noteUnreachable()
            return
        }
        breaker.handle(.success, now: Deadline.now)
        do throws(PostgresError) { try fillPool() } catch { pool.noteUnreachable() }
        sendRefreshRequests()
    }

    /// Connects unless that is done, and asks what has changed.
    private func refreshControl() -> Bool {
        do throws(PostgresError) {
            if control == nil { control = try ReaderConnection(options) }
            try fetchWatermarks()
            try renewCharacters()
            try applyRuleChanges()
            try renewZones()
            return true
        } catch {
            control = nil
            return false
        }
    }

    private func fetchWatermarks() throws(PostgresError) {
        let sentAt = clock.nanoseconds()
        let rows = try query(ReadWatermarks())
        guard var fetched = Watermarks(sentAt: sentAt, rows: rows) else { return }
        // A schema that is older than this library does not have it; nothing was evaluated then.
        fetched.unvalidatedEngines = (try? query(ReadUnvalidatedEngines()))?.first ?? []
        fetched.hasRules = try query(ReadHasRules()).first ?? true
        let hadRules = bell.lock.withLock {
            let before = watermarksNow?.hasRules ?? true
            watermarksNow = fetched
            return before
        }
        // Until this moment rows were read without looking for rules.
        if fetched.hasRules, !hadRules { store.expire { _ in true } }
    }

    private func query<S: Statement>(_ statement: S) throws(PostgresError) -> [S.Row] {
        guard let control else { return [] }
        return try control.connection.query(statement, deadline: .after(milliseconds: Keeper.statementMilliseconds))
    }

    private func fillPool() throws(PostgresError) {
        for _ in 0..<pool.missing {
            let made = try ReaderConnection(options)
            // Prepared here, so that a read is one round trip from the first.
            let pair = Pair(userID: "", botName: "")
            let deadline = Deadline.after(milliseconds: Keeper.statementMilliseconds)
            try made.connection.prepare(ReadRow(pair: pair), deadline: deadline)
            try made.connection.prepare(ReadRowAlone(pair: pair), deadline: deadline)
            pool.add(made)
        }
    }

    private func renewCharacters() throws(PostgresError) {
        let bots = characters.bots
        if bots.isEmpty { return }
        let readAt = clock.nanoseconds()
        characters.store(try query(ReadCharacters(bots: bots)), of: bots, readAt: readAt)
    }

    /// Ends the freshness of rows in the process that were read under older rules.
    private func applyRuleChanges() throws(PostgresError) {
        let changes = RuleChanges(try query(ReadRuleChanges()))
        if changes.isEmpty { return }
        store.expire { changes.outdates($0.pair, readAt: $0.content.databaseNow) }
    }

    private func renewZones() throws(PostgresError) {
        let now = clock.nanoseconds()
        let due = zones.due(at: now)
        if due.isEmpty { return }
        zones.store(ReadZones.grouped(try query(ReadZones(zones: due))))
        zones.noteRenewal(at: now)
    }

    private func sendRefreshRequests() {
        let pairs = bell.lock.withLock { ledger.take() }
        if pairs.isEmpty { return }
        // A standby or a missing right refuses it; the request is a hint, so that nothing depends on it.
        _ = try? query(RequestRefresh(pairs: pairs))
        if control?.connection.health != .ready { control = nil }
    }
}

/// The thread's body; a free function, because a closure here could inherit an actor.
private func keeperMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    unsafe Unmanaged<Keeper>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}

/// Asks for the shards of pairs to be done first.
struct RequestRefresh: Statement {
    static let name = "reader_refresh"
    static let sql = """
        insert into afterthought.refresh_requests (bot_name, user_id)
        select * from unnest($1::text[], $2::text[]) as wanted (bot_name, user_id)
        -- In order, so that two readers never wait for each other.
        order by bot_name, user_id
        on conflict do nothing
        """

    var pairs: [Pair]

    func bind(to parameters: inout Parameters) {
        parameters.append(pairs.map(\.botName))
        parameters.append(pairs.map(\.userID))
    }
}

/// Wakes the keeper when there is something to do before its next turn.
final class Bell: @unchecked Sendable {
    // Unchecked because the flag is only touched under the lock.
    let lock = Lock()
    let changed = Condition()
    var hasWork = false

    func ring() {
        lock.withLock {
            hasWork = true
            changed.broadcast()
        }
    }
}
