import Bytes
import Glibc
import Store
import Synchronization

/// SIGINT, SIGTERM and SIGHUP as a request to stop, which long work looks at or waits for; a second one ends the
/// process.
///
/// A process that reads its settings again on SIGHUP takes that one over (`ReloadSignal`).
enum StopSignal {
    private static let requests = Atomic<Int>(0)
    private static let pipeReader = Atomic<Int32>(-1)
    private static let pipeWriter = Atomic<Int32>(-1)

    /// Installs the handlers, and ignores SIGPIPE: a closed pipe is an error of the write that meets it.
    ///
    /// Call once, before other threads start.
    static func install() {
        if let ends = PipeEnds(isBlocking: false) {
            pipeReader.store(ends.reader, ordering: .releasing)
            pipeWriter.store(ends.writer, ordering: .releasing)
        }
        // Also makes the globals before a handler may need them.
        _ = requests.load(ordering: .relaxed)
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            var action = sigaction()
            unsafe action.__sigaction_handler.sa_handler = noteStopSignal
            unsafe sigemptyset(&action.sa_mask)
            unsafe sigaction(signal, &action, nil)
        }
        var ignore = sigaction()
        unsafe ignore.__sigaction_handler.sa_handler = SIG_IGN
        unsafe sigaction(SIGPIPE, &ignore, nil)
    }

    /// Whether somebody asked to stop.
    static var isRequested: Bool { requests.load(ordering: .acquiring) > 0 }

    /// A descriptor that becomes readable when somebody asks to stop, for `poll`; -1 if there is none.
    static var descriptor: Int32 { pipeReader.load(ordering: .acquiring) }

    /// Blocks until somebody asks to stop or the time is over; call it on a thread of your own.
    ///
    /// - Parameter milliseconds: how long at most; negative: without end.
    /// - Returns: whether somebody asked.
    static func wait(milliseconds: Int32 = -1) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while !isRequested {
            let ready = unsafe poll(&entry, 1, milliseconds)
            if ready < 0, errno == EINTR { continue }
            break
        }
        return isRequested
    }

    /// Calls a closure when somebody asks to stop; waits on a thread of its own until then or until the task is
    /// cancelled.
    static func whenRequested(_ action: @escaping @Sendable () -> Void) async {
        while !Task.isCancelled {
            let isAsked = (try? await onOwnThread { wait(milliseconds: 60_000) }) ?? true
            if isAsked {
                action()
                return
            }
        }
    }

    fileprivate static func note() {
        // Only atomics and write(2): both are allowed in a handler.
        if requests.add(1, ordering: .acquiringAndReleasing).oldValue > 0 { _exit(130) }
        let writer = pipeWriter.load(ordering: .acquiring)
        var byte: UInt8 = 0
        if writer >= 0 { _ = unsafe write(writer, &byte, 1) }
    }
}

/// The handler; a free function, because one formed in the main file would belong to the main actor.
private func noteStopSignal(_ signal: Int32) {
    let saved = errno
    if signal != SIGHUP || !ReloadSignal.note() { StopSignal.note() }
    errno = saved
}
