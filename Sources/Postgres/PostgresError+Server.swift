import CLibPQ

extension PostgresError {
    /// Reads the error a result carries.
    ///
    /// Fatal errors (a stopping server, a terminated session) count as a lost connection.
    static func from(_ result: borrowing QueryResult, connection: OpaquePointer) -> PostgresError {
        let sqlState = result.errorField("C")
        let severity = result.errorField("V")
        guard let sqlState else {
            let lost = unsafe PQstatus(connection) == CONNECTION_BAD
            return unsafe PostgresError(
                lost ? .connectionLost : .serverError, firstLine(PQresultErrorMessage(result.pointer)))
        }
        let code: Code =
            if severity == "FATAL" || severity == "PANIC" {
                .connectionLost
            } else if sqlState == "57014" {
                .cancelled
            } else {
                .serverError
            }
        var error = PostgresError(code, result.errorField("M") ?? "no message")
        error.sqlState = sqlState
        error.detail = result.errorField("D")
        // A hint is advice written into the server, except where a function raises its own.
        error.hint = sqlState.hasPrefix("P0") ? nil : result.errorField("H")
        error.constraint = result.errorField("n")
        error.table = result.errorField("t")
        return error
    }

    /// Reads the connection's own last error, such as a broken socket.
    static func from(connection: OpaquePointer, _ code: Code) -> PostgresError {
        let message = unsafe firstLine(PQerrorMessage(connection))
        return PostgresError(code, message, hint: encryptionHint(message))
    }

    /// What to do about a refused encryption; libpq tells the cases apart by its words alone.
    ///
    /// Source: PostgreSQL manual, "SSL Support" of libpq.
    static func encryptionHint(_ message: String) -> String? {
        if message.contains("certificate verify failed") {
            return "the server's certificate is signed by none of the authorities that are trusted: "
                + "name the right one's file by sslrootcert=PATH in the database URL"
        }
        if message.contains("does not match host name") {
            return "connect by a name that the server's certificate has, or have one issued that has this name; "
                + "sslmode=verify-ca would not notice another server in its place"
        }
        if message.contains("root certificate file") {
            return "name the file of the authority that signed the server's certificate by sslrootcert=PATH in the "
                + "database URL"
        }
        if message.contains("server does not support SSL") {
            return "switch the server's encryption on (ssl = on, ssl_cert_file, ssl_key_file), or check host and port: "
                + "nothing was sent"
        }
        return nil
    }

    /// What to do about a connection that was refused; nil for any other error.
    ///
    /// libpq gives no SQLSTATE for a refused connection, only the server's words.
    package var refusalHint: String? {
        guard code == .connectionFailed else { return nil }
        if let hint { return hint }
        func says(_ words: String) -> Bool { message.contains(words) }
        if says("password") { return "check user and password: in the URL, PGPASSWORD or ~/.pgpass" }
        if says("database \""), says("does not exist") { return "create the database, or correct its name in the URL" }
        if says("role \""), says("does not exist") { return "create the role, or correct the user in the URL" }
        if says("too many clients") || says("connection slots") || says("too many connections") {
            return "raise the server's max_connections or the role's limit, or run fewer workers or lanes"
        }
        if says("the database system is") {
            return "the server is starting, stopping or recovering; nothing is lost, wait for it or see its log"
        }
        if says("no pg_hba.conf entry") {
            return "allow this user, database, address and encryption in the server's pg_hba.conf"
        }
        return nil
    }

    /// Takes the first line of a message of libpq: the rest is advice that assumes a person at a terminal.
    static func firstLine(_ message: UnsafePointer<CChar>?) -> String {
        guard let message = unsafe message else { return "no message" }
        let text = unsafe String(cString: message)
        let line = text.prefix { $0 != "\n" }
        return line.isEmpty ? "no message" : String(line)
    }
}
