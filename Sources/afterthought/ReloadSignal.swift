import Bytes
import Glibc
import Store
import Synchronization

/// SIGHUP as a request to read the settings again, for a process that has taken it over; in all others it is one to
/// stop, as when a terminal goes away.
enum ReloadSignal {
    private static let isTakenOver = Atomic<Bool>(false)
    private static let pipeReader = Atomic<Int32>(-1)
    private static let pipeWriter = Atomic<Int32>(-1)

    /// Makes the signal mean this from now on.
    static func takeOver() {
        guard let ends = PipeEnds(isBlocking: false) else { return }
        pipeReader.store(ends.reader, ordering: .releasing)
        pipeWriter.store(ends.writer, ordering: .releasing)
        isTakenOver.store(true, ordering: .releasing)
    }

    /// Calls a closure for each request, several at once counting as one, until the task is cancelled; waits on a
    /// thread of its own.
    static func forEachRequest(_ action: @escaping @Sendable () async -> Void) async {
        while !Task.isCancelled {
            let isAsked = (try? await onOwnThread { wait(milliseconds: 60_000) }) ?? false
            if isAsked, !Task.isCancelled { await action() }
        }
    }

    private static func wait(milliseconds: Int32) -> Bool {
        let reader = pipeReader.load(ordering: .acquiring)
        var entry = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&entry, 1, milliseconds) > 0 else { return false }
        var bytes: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0]
        while unsafe read(reader, &bytes, bytes.count) > 0 {}
        return true
    }

    /// Notes a request, if it is one; called in the handler, where only atomics and write(2) are allowed.
    static func note() -> Bool {
        guard isTakenOver.load(ordering: .acquiring) else { return false }
        var byte: UInt8 = 0
        _ = unsafe write(pipeWriter.load(ordering: .acquiring), &byte, 1)
        return true
    }
}
