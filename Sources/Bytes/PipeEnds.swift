import Glibc

/// The two ends of a new pipe, which no program that is started inherits.
///
/// Set as it is made: between `pipe` and a later `fcntl` another thread may start a server, which then holds the
/// writing end open for as long as it lives, and whoever reads up to the end of the pipe waits for that. `pipe2` is
/// no part of what Swift sees of glibc; a pair of sockets can be made so and serves as well.
package struct PipeEnds: Sendable {
    package let reader: Int32
    package let writer: Int32

    /// Makes a pair; nil if there is none to be had, and `errno` says why.
    ///
    /// - Parameter isBlocking: whether reading waits for something to read, and writing for room.
    package init?(isBlocking: Bool) {
        let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | (isBlocking ? 0 : SOCK_NONBLOCK.rawValue)
        var ends: [Int32] = [-1, -1]
        guard unsafe socketpair(AF_UNIX, Int32(kind), 0, &ends) == 0 else { return nil }
        reader = ends[0]
        writer = ends[1]
    }
}
