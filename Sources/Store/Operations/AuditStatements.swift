import Postgres

/// Writes down what is about to be changed through the HTTP endpoint, and returns the row's number.
package struct BeginAudit: Statement {
    package static let name = "begin_audit"
    package static let sql = """
        insert into afterthought.operations_audit (action, subject, user_hash, address)
        select
            $1, $2,
            left(encode(sha256(c.notification_key || convert_to($3::text, 'UTF8')), 'hex'), 32),
            $4
        from afterthought.cluster_identity as c
        returning id
        """

    /// What a change is about.
    package enum Subject: Hashable, Sendable {
        case nothing
        /// A job, or the number of a message.
        case thing(String)
        /// A user, of whom only a keyed hash is kept.
        case user(String)
    }

    var action: String
    var subject: Subject
    var address: String

    package init(action: String, subject: Subject, address: String) {
        self.action = action
        self.subject = subject
        self.address = address
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(action)
        switch subject {
        case .nothing:
            parameters.append(String?.none)
            parameters.append(String?.none)
        case .thing(let text):
            parameters.append(text)
            parameters.append(String?.none)
        case .user(let user):
            parameters.append(String?.none)
            parameters.append(user)
        }
        parameters.append(address)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}

/// Completes the row of a change with the status of its answer.
package struct EndAudit: Statement {
    package static let name = "end_audit"
    package static let sql = """
        update afterthought.operations_audit set status = $2, finished_at = clock_timestamp()
        where id = $1 and status is null
        """

    var id: Int64
    var status: Int16

    package init(id: Int64, status: Int) {
        self.id = id
        self.status = Int16(status)
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(id)
        parameters.append(status)
    }
}
