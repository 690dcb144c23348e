import Foundation
import Postgres
import Support
import Testing

/// A throwaway certificate authority with a server certificate for `localhost`, gone with the value.
private final class CertificateAuthority {
    let folder: String
    var root: String { folder + "/root.crt" }
    var certificate: String { folder + "/server.crt" }
    var key: String { folder + "/server.key" }

    init() throws {
        folder = "/tmp/afterthought-certificates-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        try openssl(
            ["req", "-x509"] + kind
                + ["-subj", "/CN=throwaway authority", "-keyout", folder + "/root.key", "-out", root])
        try openssl(
            ["req", "-new"] + kind + [
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key,
                "-out", folder + "/server.csr",
            ])
        try Data("subjectAltName=DNS:localhost\n".utf8).write(to: URL(fileURLWithPath: folder + "/names"))
        try openssl([
            "x509", "-req", "-in", folder + "/server.csr", "-CA", root, "-CAkey", folder + "/root.key",
            "-CAcreateserial", "-days", "2", "-extfile", folder + "/names", "-out", certificate,
        ])
        // The server refuses a key that others may read, or that belongs to somebody else.
        chmod(key, 0o600)
        if geteuid() == 0 {
            for file in [key, certificate] { chown(file, ServerProgram.owner.user, ServerProgram.owner.group) }
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func openssl(_ words: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = words
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw PostgresError(.misuse, "expected openssl \(words[0]) to work, got: \(process.terminationStatus)")
        }
    }
}

@Suite("Encrypted connections")
struct EncryptionTests {
    /// A port that is free now.
    private static func freePort() throws -> Int {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        guard isBound else { throw PostgresError(.misuse, "expected a free port, got: errno \(errno)") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    @Test("verify-full takes the right authority and name, and refuses others with what to do")
    func verifyFull() throws {
        let authority = try CertificateAuthority()
        let other = try CertificateAuthority()
        let port = try Self.freePort()
        let cluster = try TestCluster.makeBareCluster(settings: [
            ("listen_addresses", "'127.0.0.1'"), ("port", "\(port)"), ("ssl", "on"),
            ("ssl_cert_file", "'\(authority.certificate)'"), ("ssl_key_file", "'\(authority.key)'"),
        ])
        defer { cluster.remove() }
        func connect(host: String, root: String) throws -> [[String?]] {
            let options = try ConnectionOptions(
                url: "host=\(host) hostaddr=127.0.0.1 port=\(port) user=postgres dbname=postgres sslmode=verify-full "
                    + "sslrootcert=\(root)")
            var connection = try Connection(options)
            return try connection.textRows(
                "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()")
        }
        let session = try connect(host: "localhost", root: authority.root)
        #expect(session.first?.first == "t" && session[0][1]?.hasPrefix("TLSv1.") == true)

        let wrongAuthority = #expect(throws: PostgresError.self) {
            try connect(host: "localhost", root: other.root)
        }
        #expect(wrongAuthority?.code == .connectionFailed)
        #expect(wrongAuthority?.message.contains("certificate verify failed") == true, "\(wrongAuthority as Any)")
        #expect(wrongAuthority?.hint?.contains("sslrootcert=PATH") == true)

        let wrongName = #expect(throws: PostgresError.self) {
            try connect(host: "database.example", root: authority.root)
        }
        #expect(wrongName?.message.contains("does not match host name \"database.example\"") == true)
        #expect(wrongName?.hint?.hasPrefix("connect by a name that the server's certificate has") == true)

        let noRoot = #expect(throws: PostgresError.self) { try connect(host: "localhost", root: "/nonexistent.crt") }
        #expect(noRoot?.hint?.contains("sslrootcert=PATH") == true, "\(noRoot as Any)")
    }

    @Test("a server without encryption is refused before anything is sent")
    func plainServer() throws {
        let port = try Self.freePort()
        let cluster = try TestCluster.makeBareCluster(settings: [
            ("listen_addresses", "'127.0.0.1'"), ("port", "\(port)"),
        ])
        defer { cluster.remove() }
        let authority = try CertificateAuthority()
        let error = #expect(throws: PostgresError.self) {
            _ = try Connection(
                ConnectionOptions(
                    url: "host=127.0.0.1 port=\(port) user=postgres sslmode=verify-full "
                        + "sslrootcert=\(authority.root)"))
        }
        #expect(error?.hint?.hasPrefix("switch the server's encryption on") == true, "\(error as Any)")
    }
}
