import Glibc

/// A pthread mutex: at 8 threads on 2 cores a contended `Mutex` costs microseconds, this tens of nanoseconds.
@safe
package final class Lock: @unchecked Sendable {
    // Unchecked because the pointer never changes and pthread functions may be called from any thread.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    package init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        let result = unsafe pthread_mutex_init(mutex, nil)
        precondition(result == 0, "expected a mutex, got: error \(result)")
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Locks; for where locking and unlocking are two calls of somebody else, such as around a fork.
    package func lock() { unsafe pthread_mutex_lock(mutex) }

    /// Unlocks what the same thread locked.
    package func unlock() { unsafe pthread_mutex_unlock(mutex) }

    @inline(__always)
    package func withLock<Result: ~Copyable, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Gives the mutex to a condition that waits under it.
    func withMutex<Result>(_ body: (UnsafeMutablePointer<pthread_mutex_t>) -> Result) -> Result {
        unsafe body(mutex)
    }
}

/// A condition that threads wait for under a lock, with deadlines on the monotonic clock.
@safe
final class Condition: @unchecked Sendable {
    // Unchecked because the pointer never changes and pthread functions may be called from any thread.
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    init() {
        unsafe condition = .allocate(capacity: 1)
        unsafe condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        let result = unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
        precondition(result == 0, "expected a condition, got: error \(result)")
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe condition.deallocate()
    }

    func signal() { unsafe pthread_cond_signal(condition) }

    func broadcast() { unsafe pthread_cond_broadcast(condition) }

    /// Waits for a signal; the caller holds the lock, and holds it again afterwards.
    ///
    /// - Parameters:
    ///   - lock: the lock that guards what is waited for.
    ///   - nanoseconds: when to give up, on the monotonic clock; nil: never.
    /// - Returns: false once the deadline passed.
    func wait(_ lock: Lock, until nanoseconds: UInt64?) -> Bool {
        unsafe lock.withMutex { mutex in
            guard let nanoseconds else { return unsafe pthread_cond_wait(condition, mutex) == 0 }
            var time = timespec(
                tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
            return unsafe pthread_cond_timedwait(condition, mutex, &time) != ETIMEDOUT
        }
    }
}
