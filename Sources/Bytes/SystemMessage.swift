import Glibc

/// What the system calls an error.
///
/// - Parameter number: an `errno`.
/// - Returns: such as `No such file or directory`.
package func systemMessage(_ number: Int32) -> String {
    // Copied at once, before another call may overwrite it.
    unsafe String(cString: strerror(number))
}
