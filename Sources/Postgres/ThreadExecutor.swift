/// Runs an actor's jobs on one thread of its own, in order, so that they may block without holding up others.
final class ThreadExecutor: SerialExecutor, @unchecked Sendable {
    // Unchecked because the gate guards all that changes.
    private let gate = Gate(conditions: 1)
    private var jobs: [UnownedJob] = []
    private var isStopping = false
    private var hasEnded = false
    private var thread: PosixThread?

    /// Makes an executor and starts its thread, which keeps it alive until `stop`.
    static func start() -> ThreadExecutor {
        let executor = ThreadExecutor()
        executor.thread = PosixThread { executor.runJobs() }
        return executor
    }

    private init() {}

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        gate.lock()
        // The thread is gone: whoever comes now is only told that all is closed, and may learn it on his own thread.
        if hasEnded {
            defer { gate.unlock() }
            unsafe job.runSynchronously(on: asUnownedSerialExecutor())
            return
        }
        jobs.append(job)
        gate.signal()
        gate.unlock()
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    /// Lets the thread end once all jobs so far are done.
    func stop() {
        gate.lock()
        isStopping = true
        gate.signal()
        gate.unlock()
    }

    /// Waits for the thread's end, once; not to be called on the thread itself.
    func join() {
        gate.lock()
        let thread = thread.take()
        gate.unlock()
        thread?.join()
    }

    /// Leaves the thread to end by itself.
    func leave() {
        gate.lock()
        let thread = thread.take()
        gate.unlock()
        thread?.detach()
    }

    private func runJobs() {
        while true {
            gate.lock()
            while jobs.isEmpty && !isStopping { _ = gate.wait() }
            if jobs.isEmpty {
                hasEnded = true
                gate.unlock()
                return
            }
            let batch = jobs
            jobs.removeAll(keepingCapacity: true)
            gate.unlock()
            for job in batch { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }
}
