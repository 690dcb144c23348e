import Bytes
import Glibc

/// Runs blocking work on a thread of its own, so that the cooperative pool keeps its threads.
///
/// It is for rare, long calls: a thread is made for each.
///
/// - Parameter work: the blocking work.
/// - Returns: what it returned.
/// - Throws: what it threw.
package func onOwnThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        let box = ThreadBody { continuation.resume(with: Result(catching: work)) }
        var thread = pthread_t()
        // The thread takes over the reference that is passed on here.
        let argument = unsafe Unmanaged.passRetained(box).toOpaque()
        let failure = unsafe pthread_create(&thread, nil, runThreadBody, argument)
        if failure == 0 {
            pthread_detach(thread)
        } else {
            unsafe Unmanaged<ThreadBody>.fromOpaque(argument).release()
            continuation.resume(
                throwing: EmbeddedError(
                    "expected a thread, got: \(systemMessage(failure))",
                    hint: "raise the limit on processes (ulimit -u)"))
        }
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// The thread's start routine; a free function, because one formed in isolated code would be isolated.
private func runThreadBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    // Retained by whoever made the thread.
    unsafe Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().run()
    return nil
}
