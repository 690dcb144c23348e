import Postgres

/// A few threads that answer requests which block, and a bounded queue before them.
final class RequestThreads: @unchecked Sendable {
    // Unchecked because the gate guards all that changes.

    /// Work of one request; it looks out for the interruption where it waits.
    typealias Work = @Sendable (Interruption) -> Void

    private let gate = Gate(conditions: 1)
    private let waitingMax: Int
    private let interruptions: [Interruption]
    private var waiting: [Work] = []
    private var threads: [PosixThread] = []
    private var isStopping = false

    /// Starts the threads; end them with `stop`.
    ///
    /// - Parameters:
    ///   - count: how many requests are answered side by side.
    ///   - waitingMax: how many more may wait.
    init(count: Int, waitingMax: Int) {
        self.waitingMax = waitingMax
        interruptions = (0..<count).map { _ in Interruption(Wakeup()) }
        threads = interruptions.map { interruption in PosixThread { self.serve(interruption) } }
    }

    /// Takes work.
    ///
    /// - Parameters:
    ///   - isUrgent: whether it comes first, and may come when the queue is full.
    ///   - work: called on one of the threads.
    /// - Returns: false when there is too much already, or the threads end.
    func add(isUrgent: Bool = false, _ work: @escaping Work) -> Bool {
        gate.lock()
        defer { gate.unlock() }
        guard !isStopping, isUrgent || waiting.count < waitingMax else { return false }
        if isUrgent { waiting.insert(work, at: 0) } else { waiting.append(work) }
        gate.signal()
        return true
    }

    /// Cancels what runs on connections, drops what waits, and returns when the threads have ended.
    func stop() {
        gate.lock()
        isStopping = true
        waiting = []
        let threads = threads
        self.threads = []
        gate.broadcast()
        gate.unlock()
        for interruption in interruptions { interruption.request() }
        for thread in threads { thread.join() }
    }

    private func serve(_ interruption: Interruption) {
        while true {
            gate.lock()
            while waiting.isEmpty, !isStopping { _ = gate.wait() }
            if isStopping {
                gate.unlock()
                return
            }
            let work = waiting.removeFirst()
            gate.unlock()
            work(interruption)
        }
    }
}
