import Glibc

/// The threads that carry out asynchronous reads: few, started when first needed, with a bounded queue.
///
/// A read blocks its thread until its deadline; Swift's own threads must not be blocked.
final class ReaderThreads: @unchecked Sendable {
    // Unchecked because every member but the lock and the condition is only touched under the lock.

    /// Reads that may wait for a thread.
    static let waitingMax = 256

    private let lock = Lock()
    private let changed = Condition()
    private let countMax: Int
    private var waiting: [@Sendable () -> Void] = []
    private var threads: [pthread_t] = []
    private var idle = 0
    private var isStopping = false

    init(countMax: Int) { self.countMax = countMax }

    /// Has a closure carried out.
    ///
    /// - Returns: false when too many wait or the threads were stopped; the closure is then never called.
    func run(_ body: @escaping @Sendable () -> Void) -> Bool {
        lock.withLock {
            if isStopping || waiting.count >= ReaderThreads.waitingMax { return false }
            waiting.append(body)
            if idle == 0, threads.count < countMax { startThread() }
            changed.signal()
            return true
        }
    }

    /// Carries out what waits and ends the threads.
    func stop() {
        let running = lock.withLock {
            isStopping = true
            changed.broadcast()
            defer { threads.removeAll() }
            return threads
        }
        for thread in running { pthread_join(thread, nil) }
    }

    private func startThread() {
        var created = pthread_t()
        let unmanaged = unsafe Unmanaged.passRetained(self)
        let result = unsafe pthread_create(&created, nil, readerMain, unmanaged.toOpaque())
        precondition(result == 0, "expected a thread, got: error \(result)")
        threads.append(created)
    }

    fileprivate func work() {
        while true {
            let next = lock.withLock { () -> (@Sendable () -> Void)? in
                idle += 1
                defer { idle -= 1 }
                while waiting.isEmpty {
                    if isStopping { return nil }
                    _ = changed.wait(lock, until: nil)
                }
                return waiting.removeFirst()
            }
            guard let next else { return }
            next()
        }
    }
}

/// The thread's body; a free function, because a closure here could inherit an actor.
private func readerMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    unsafe Unmanaged<ReaderThreads>.fromOpaque(argument).takeRetainedValue().work()
    return nil
}
