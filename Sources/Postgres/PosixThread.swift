import Glibc

/// A thread of the system's own, for work that blocks.
@safe
package final class PosixThread: @unchecked Sendable {
    // Unchecked because the id is written once, before anybody else sees this.
    private let id: pthread_t

    /// Starts a thread.
    ///
    /// - Parameter body: what it runs.
    package init(_ body: @escaping @Sendable () -> Void) {
        let argument = unsafe Unmanaged.passRetained(ThreadBody(body)).toOpaque()
        var id = pthread_t()
        let result = unsafe pthread_create(&id, nil, threadMain, argument)
        precondition(result == 0, "expected a thread, got: error \(result)")
        self.id = id
    }

    /// Waits for the thread's end; once only, and not together with `detach`.
    package func join() {
        _ = pthread_join(id, nil)
    }

    /// Lets the thread end on its own.
    func detach() {
        _ = pthread_detach(id)
    }
}

private final class ThreadBody {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}

/// The entry of all threads; a free function, as a closure formed elsewhere could be bound to an actor.
private func threadMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}

/// A mutex with conditions, on the monotonic clock.
///
/// A pthread mutex, as `Mutex` of the standard library costs microseconds once threads contend for it on few cores.
@safe
package final class Gate: @unchecked Sendable {
    // Unchecked because the pointers never change, and what they point to is made for many threads.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let conditions: UnsafeMutablePointer<pthread_cond_t>
    private let count: Int

    /// Makes a gate.
    ///
    /// - Parameter count: how many things threads wait for separately.
    package init(conditions count: Int) {
        self.count = count
        unsafe mutex = .allocate(capacity: 1)
        unsafe conditions = .allocate(capacity: count)
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        for index in 0..<count { unsafe pthread_cond_init(conditions + index, &attributes) }
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        for index in 0..<count { unsafe pthread_cond_destroy(conditions + index) }
        unsafe pthread_mutex_destroy(mutex)
        unsafe conditions.deallocate()
        unsafe mutex.deallocate()
    }

    @inline(__always)
    package func lock() { unsafe pthread_mutex_lock(mutex) }

    @inline(__always)
    package func unlock() { unsafe pthread_mutex_unlock(mutex) }

    /// Gives the lock up until a condition is signalled; wakes without a signal at times.
    ///
    /// - Parameters:
    ///   - condition: which one.
    ///   - deadline: when to wake anyway.
    /// - Returns: false when the deadline passed.
    package func wait(_ condition: Int = 0, until deadline: Deadline = .never) -> Bool {
        if deadline == .never { return unsafe pthread_cond_wait(conditions + condition, mutex) == 0 }
        var moment = timespec()
        moment.tv_sec = Int(deadline.nanoseconds / 1_000_000_000)
        moment.tv_nsec = Int(deadline.nanoseconds % 1_000_000_000)
        return unsafe pthread_cond_timedwait(conditions + condition, mutex, &moment) == 0
    }

    /// Wakes one thread that waits for a condition.
    package func signal(_ condition: Int = 0) { unsafe pthread_cond_signal(conditions + condition) }

    /// Wakes all threads that wait for a condition.
    package func broadcast(_ condition: Int = 0) { unsafe pthread_cond_broadcast(conditions + condition) }
}
