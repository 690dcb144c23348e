import Glibc

/// The duties of a container's first process, which inherits every orphan.
enum FirstProcess {
    /// Buries children as they end, if this is process 1.
    ///
    /// Only for commands that start no program of their own: they could not learn how it ended. Ignoring the signal
    /// would bury them too, and the crash reporter with them, whose end the runtime waits for.
    static func buryOrphans() {
        guard getpid() == 1 else { return }
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = buryEndedChildren
        unsafe sigemptyset(&action.sa_mask)
        action.sa_flags = SA_RESTART | SA_NOCLDSTOP
        unsafe sigaction(SIGCHLD, &action, nil)
    }
}

/// The handler; a free function, because one formed in isolated code would be isolated.
///
/// waitpid(2) is among what a handler may call.
private func buryEndedChildren(_: Int32) {
    let saved = errno
    var status: Int32 = 0
    while unsafe waitpid(-1, &status, WNOHANG) > 0 {}
    errno = saved
}
