import Glibc

/// The duties of a container's first process, which inherits every orphan.
enum FirstProcess {
    /// Lets the system bury children that end, if this is process 1.
    ///
    /// Only for commands that start no program of their own: they could not learn how it ended.
    static func leaveNoZombies() {
        guard getpid() == 1 else { return }
        var ignore = sigaction()
        unsafe ignore.__sigaction_handler.sa_handler = SIG_IGN
        unsafe sigaction(SIGCHLD, &ignore, nil)
    }
}
