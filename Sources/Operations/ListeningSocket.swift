import Bytes
import Glibc

/// A socket that listens on one address.
package struct ListeningSocket: Sendable {
    package let descriptor: Int32
    /// The port that it has, also where 0 let the system choose.
    package let port: Int
    /// Whether only this machine reaches it.
    package let isLoopback: Bool

    /// Listens.
    ///
    /// - Parameters:
    ///   - host: a name or an address, of IPv4 or IPv6.
    ///   - port: 0…65535; 0: any that is free.
    /// - Throws: `HTTPServerError` that says what to do.
    package init(host: String, port: Int) throws(HTTPServerError) {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, String(port), &hints, &found) == 0, let entry = unsafe found else {
            throw HTTPServerError(
                message: "expected --http-host to be an address of this machine, got: \(host)",
                hint: "127.0.0.1 is reached from this machine alone, 0.0.0.0 from everywhere")
        }
        defer { unsafe freeaddrinfo(entry) }
        let type = unsafe entry.pointee.ai_socktype | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let handle = unsafe socket(entry.pointee.ai_family, type, 0)
        var yes: Int32 = 1
        unsafe setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard handle >= 0, unsafe bind(handle, entry.pointee.ai_addr, entry.pointee.ai_addrlen) == 0,
            listen(handle, 128) == 0
        else {
            let failure = systemMessage(errno)
            if handle >= 0 { Glibc.close(handle) }
            throw HTTPServerError(
                message: "expected \(host):\(port) to be free for the HTTP endpoint, got: \(failure)",
                hint: "choose another with --http-port, or turn the endpoint off with --http-port 0")
        }
        descriptor = handle
        (self.port, isLoopback) = Self.address(handle)
    }

    private static func address(_ handle: Int32) -> (port: Int, isLoopback: Bool) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            let raw = UnsafeMutableRawPointer(pointer)
            let name = unsafe raw.assumingMemoryBound(to: sockaddr.self)
            guard unsafe getsockname(handle, name, &length) == 0 else { return (0, false) }
            if unsafe Int32(name.pointee.sa_family) == AF_INET6 {
                let address = unsafe raw.load(as: sockaddr_in6.self)
                let bytes = unsafe withUnsafeBytes(of: address.sin6_addr) { unsafe Array($0) }
                return (Int(UInt16(bigEndian: address.sin6_port)), bytes == [UInt8](repeating: 0, count: 15) + [1])
            }
            let address = unsafe raw.load(as: sockaddr_in.self)
            return (
                Int(UInt16(bigEndian: address.sin_port)), UInt32(bigEndian: address.sin_addr.s_addr) >> 24 == 127
            )
        }
    }

    /// Stops listening; for a socket that no server has taken over.
    func close() { Glibc.close(descriptor) }
}
