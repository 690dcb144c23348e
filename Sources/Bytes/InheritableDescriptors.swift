import Glibc

/// The descriptors above 2 that a program started now would inherit, in no order.
///
/// For the list of what to close in a program that lives on: it must not hold open what a library or an application
/// has left inheritable, such as another program's pipe.
package func inheritableDescriptors() -> [Int32] {
    guard let listing = unsafe opendir("/proc/self/fd") else { return [] }
    defer { unsafe closedir(listing) }
    var found: [Int32] = []
    while let entry = unsafe readdir(listing) {
        // The name is zero-terminated inside the entry.
        let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        guard let descriptor = Int32(name), descriptor > 2 else { continue }
        let flags = fcntl(descriptor, F_GETFD)
        if flags >= 0, flags & FD_CLOEXEC == 0 { found.append(descriptor) }
    }
    return found
}
