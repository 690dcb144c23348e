import Glibc
import Model
import Postgres

/// The thread that listens for workers' notifications, on a connection of its own.
///
/// What it misses while it reconnects does no harm: rows end by their own time to live.
final class Listener: @unchecked Sendable {
    // Unchecked because the thread's handle is only touched by start and stop, which their owner calls once each, and
    // the connection by the thread alone.

    /// How long it waits before it connects again, in milliseconds.
    static let retryMilliseconds: UInt64 = 1_000

    private let options: ConnectionOptions
    private let store: RowStore
    private let interruption = Interruption(Wakeup())
    private let bell = Bell()
    private var isListeningNow = false
    private var thread: pthread_t?

    init(options: ConnectionOptions, store: RowStore) {
        self.options = options
        self.store = store
    }

    /// Starts the thread.
    func start() {
        var created = pthread_t()
        let unmanaged = unsafe Unmanaged.passRetained(self)
        let result = unsafe pthread_create(&created, nil, listenerMain, unmanaged.toOpaque())
        precondition(result == 0, "expected a thread, got: error \(result)")
        thread = created
    }

    /// Stops the thread and waits for its end.
    func stop() {
        guard let running = thread else { return }
        thread = nil
        interruption.request()
        bell.ring()
        pthread_join(running, nil)
    }

    /// Waits until notifications are heard; for tests.
    func waitUntilListening(_ deadline: Deadline) -> Bool {
        bell.lock.withLock {
            while !isListeningNow {
                if !bell.changed.wait(bell.lock, until: deadline.nanoseconds) { return false }
            }
            return true
        }
    }

    fileprivate func run() {
        while !interruption.isRequested {
            do throws(PostgresError) { try listen() } catch { note(isListening: false) }
            let retry = Deadline.after(milliseconds: Listener.retryMilliseconds)
            bell.lock.withLock {
                while !interruption.isRequested, bell.changed.wait(bell.lock, until: retry.nanoseconds) {}
            }
        }
    }

    private func listen() throws(PostgresError) {
        var connection = try Connection(options)
        connection.interruption = interruption
        let key = try connection.first(
            ReadNotificationKey(), deadline: .after(milliseconds: Keeper.statementMilliseconds))
        let hash = key.flatMap(PairHash.init)
        try connection.listen(Invalidation.channel)
        note(isListening: true)
        while true {
            guard let notification = try connection.waitForNotification(deadline: .never),
                let invalidation = Invalidation(payload: notification.payload)
            else { continue }
            store.expire { invalidation.concerns($0, hash) }
        }
    }

    private func note(isListening: Bool) {
        bell.lock.withLock {
            isListeningNow = isListening
            bell.changed.broadcast()
        }
    }
}

/// The thread's body; a free function, because a closure here could inherit an actor.
private func listenerMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    unsafe Unmanaged<Listener>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}

/// Reads the key under which notifications hash pairs.
struct ReadNotificationKey: Statement {
    static let name = "reader_notification_key"
    static let sql = "select notification_key from afterthought.cluster_identity where only_row"

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> [UInt8] { try row.decode(0) }
}
