import Bytes
import Postgres

/// Keeps that a user's update failed.
package struct NoteUserUpdateFailure: Statement {
    package static let name = "note_user_update_failure"
    package static let sql = """
        insert into afterthought.user_update_failures as f (job, user_id, failed_at, attempts, error)
        values ($1, $2, now(), 1, $3)
        on conflict (job, user_id) do update
        set failed_at = excluded.failed_at, attempts = f.attempts + 1, error = excluded.error
        """

    var job: String
    var user: String
    var error: String

    // The error is free of content.
    package init(job: String, user: String, error: String) {
        self.job = job
        self.user = user
        self.error = error
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(job)
        parameters.append(user)
        parameters.append(error)
    }
}

/// Forgets failures of users whose update succeeded.
package struct ForgetUserUpdateFailures: Statement {
    package static let name = "forget_user_update_failures"
    package static let sql =
        "delete from afterthought.user_update_failures where job = $1 and user_id = any ($2::text[])"

    var job: String
    var users: [String]

    package init(job: String, users: [String]) {
        self.job = job
        self.users = users
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(job)
        parameters.append(users)
    }
}
