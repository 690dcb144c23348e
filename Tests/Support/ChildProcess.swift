import Bytes
import Foundation

/// A child of the test process; Foundation's `Process` is no use here, it waits for a daemon's descriptors as well.
struct ChildProcess {
    let id: pid_t

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - command: the program's path and its arguments.
    ///   - input: the descriptor to read from; -1 for none.
    ///   - output: the descriptor for both outputs; -1 for none.
    /// - Returns: the running child.
    /// - Throws: `TestSupportError` when it can't be started.
    static func start(_ command: [String], input: Int32, output: Int32) throws -> ChildProcess {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input < 0 ? null : input, 0)
        posix_spawn_file_actions_adddup2(&actions, output < 0 ? null : output, 1)
        posix_spawn_file_actions_adddup2(&actions, output < 0 ? null : output, 2)
        // What a test beside this one has left inheritable must not live as long as a server does.
        for descriptor in inheritableDescriptors() { posix_spawn_file_actions_addclose(&actions, descriptor) }
        // A session of its own: an interrupted terminal must not stop the server before the tests end.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)

        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        arguments.append(nil)
        var id: pid_t = 0
        let result = posix_spawn(&id, command[0], &actions, &attributes, arguments, environ)
        guard result == 0 else { throw TestSupportError("can't start \(command[0]): errno \(result)") }
        return ChildProcess(id: id)
    }

    /// Waits for the child's end.
    ///
    /// - Returns: its exit code; 128 and more for the signal that ended it.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }
}
