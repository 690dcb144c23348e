import Glibc

/// The descriptors to close in a program that is to live on: it must not hold open what a library or an application
/// has left inheritable, such as another program's pipe, whose reader would wait for its end.
///
/// All numbers and not only those in use: another thread may open one between a look and the start. Closing one that
/// is not open does no harm, beyond the limit it would fail.
///
/// - Returns: 3 up to 4,095, or to the process's limit.
package func inheritableDescriptors() -> Range<Int32> {
    var limit = rlimit()
    let known = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
    return 3..<Int32(max(3, min(known ? limit.rlim_cur : 0, 4096)))
}
