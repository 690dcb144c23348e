import Bytes
import Model
import Postgres

/// Makes the open transaction one about a user, and tells with which bots anything is stored.
///
/// Conditions of `UserTable` and policies of row-level security read the settings; they end with the transaction.
struct AimAtUser: Statement {
    static let name = "aim_at_user"
    static let sql = """
        select
            set_config('afterthought.user_id', $1, true),
            set_config('afterthought.bot_name', coalesce($2, ''), true),
            set_config('afterthought.bot_names', (
                select coalesce(array_agg(distinct b), '{}')::text from afterthought.bots_of_user($1, $2) as b), true),
            -- Rows are found by index, whatever the share that a table's statistics give to one user.
            set_config('enable_seqscan', 'off', true),
            -- What that adds to estimates would have every statement compiled, which takes longer than to run it.
            set_config('jit', 'off', true)
        """

    var user: String
    var bot: String?

    func bind(to parameters: inout Parameters) {
        parameters.append(user)
        parameters.append(bot)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) {}
}

/// The bots of the user at hand, with their shards.
struct AimedPairs: Statement {
    static let name = "aimed_pairs"
    static let sql = """
        select afterthought.shard_of(current_setting('afterthought.user_id'), b), b
        from unnest(current_setting('afterthought.bot_names')::text[]) as b
        order by 1, 2
        """

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (shard: Int16, bot: String) {
        (try row.decode(0), try row.decode(1))
    }
}

/// Lets no other erasure, no chunk of an import and no step of clustering run until the transaction's end.
///
/// Clustering's row comes before whatever it writes, as in the job itself.
struct HoldOffErasureRivals: Statement {
    static let name = "hold_off_erasure_rivals"
    static let sql = """
        with erasure as materialized (select pg_advisory_xact_lock(\(ErasureLock.key)))
        select s.only_row from erasure, afterthought.clustering_state as s for no key update of s
        """

    static func decode(_ row: borrowing RowReader) throws(PostgresError) {}
}

/// The advisory lock between erasures (exclusive) and chunks of imports (shared).
enum ErasureLock {
    static let key: Int64 = 5_160_182_314_425_511_208

    /// Taken by an import for a chunk.
    static let share = "select pg_advisory_xact_lock_shared(\(key))"
}

/// Ends the attempts of jobs that may have read the user, whose steps then can't commit; others go on from where they
/// were.
struct InterruptJobs: Statement {
    static let name = "interrupt_jobs"
    static let sql = """
        select count(afterthought.end_job_attempt(
            j.id, j.attempt, j.claim_token, 'interrupted', 'a user was erased; another attempt goes on'))
        from afterthought.jobs as j
        where j.state = 'running' and j.job <> all ($1::text[])
        """

    /// What they write is of nobody: figures over all users.
    static let harmless = ["signal_quality", "ab_test_analysis", "learning_report", "rag_training"]

    func bind(to parameters: inout Parameters) { parameters.append(Self.harmless) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}

/// Locks shards in order and moves their generation on, so that whatever a worker computed before is refused.
struct FenceShards: Statement {
    static let name = "fence_shards"
    static let sql = """
        with held as (
            select shard from afterthought.shard_progress where shard = any ($1) order by shard for update
        )
        update afterthought.shard_progress as p
        set generation = p.generation + 1
        from held
        where p.shard = held.shard
        returning p.shard, p.generation, p.engine_version, p.config_hash
        """

    /// A shard as it stands from now on.
    struct Row: Sendable {
        var shard: Int16
        var generation: Int64
        var engineVersion: Int32
        var configHash: String
    }

    var shards: [Int16]

    func bind(to parameters: inout Parameters) { parameters.append(shards) }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Row {
        Row(
            shard: try row.decode(0), generation: try row.decode(1), engineVersion: try row.decode(2),
            configHash: try row.decode(3))
    }
}

/// Has all pairs of shards rebuilt: what the user added to their bots' buckets could not be told apart.
struct RebuildErasedShards: Statement {
    static let name = "rebuild_erased_shards"
    static let sql = """
        with outdated as (
            update afterthought.engine_state set engine_version = 0 where shard = any ($1)
        )
        update afterthought.shard_progress set rebuild_pending = true where shard = any ($1)
        """

    var shards: [Int16]

    func bind(to parameters: inout Parameters) { parameters.append(shards) }
}

/// Removes the rows of bots that nothing is left of.
struct DropEmptyBots: Statement {
    static let name = "drop_empty_bots"
    static let sql = """
        delete from afterthought.character_cache as c
        where c.bot_name = any ($1::text[])
            and not exists (select from afterthought.bot_buckets as b where b.bot_name = c.bot_name)
        """

    var bots: [String]

    func bind(to parameters: inout Parameters) { parameters.append(bots) }
}

/// Has clusters computed anew, by the next run, which is asked for unless clustering is switched off.
struct OutdateClusters: Statement {
    static let name = "outdate_clusters"
    static let sql = """
        with state as (
            update afterthought.clustering_state set generation = generation + 1, full_run_at = null
            returning current_run
        )
        select count(afterthought.enqueue_job('clustering', reason => 'a user was erased'))
        from state as s
        join afterthought.job_settings as q on q.name = 'BACKGROUND_CLUSTERING_ENABLED' and q.value = 'true'
        where s.current_run is not null
        """

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}

/// How many agents run on a prompt that shows an example of the user at hand.
struct PromptsOfUser: Statement {
    static let name = "prompts_of_user"
    static let sql = """
        select count(distinct a.agent_id)
        from afterthought.prompt_variants as v
        join afterthought.agents as a on a.prompt = v.prompt
        where v.shown_examples && array(
            select e.id from afterthought.learning_examples as e where e.user_id = \(UserTable.user))
        """

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64 { try row.decode(0) }
}

/// Sets the tombstone and writes the receipt, as of this moment.
struct RecordErasure: Statement {
    static let name = "record_erasure"
    static let sql = """
        with now as materialized (
            select clock_timestamp() as at, afterthought.erasure_hash(\(UserTable.user)) as user_hash
        ), tombstone as (
            insert into afterthought.erased_users as e (user_hash, bot_name, erased_at, is_forever)
            select user_hash, \(UserTable.bot), at, $1 from now
            on conflict (user_hash, bot_name) do update
            set erased_at = excluded.erased_at, is_forever = excluded.is_forever or e.is_forever
        ), bounds as (
            update afterthought.erasure_bounds as b
            set newest_at = greatest(b.newest_at, now.at), has_forever = b.has_forever or $1
            from now
        )
        insert into afterthought.erasures (user_hash, bot_name, erased_at, erased_by, is_forever, row_counts)
        select user_hash, \(UserTable.bot), at, current_user, $1, $2::text::jsonb from now
        returning id, erased_at, encode(user_hash, 'hex')
        """

    var isForever: Bool
    var counts: JSONValue

    func bind(to parameters: inout Parameters) {
        parameters.append(isForever)
        parameters.append(counts.text)
    }

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (id: Int64, at: Timestamp, hash: String) {
        (try row.decode(0), try row.decode(1), try row.decode(2))
    }
}

/// The key of the hashes in notifications.
struct LoadNotificationKey: Statement {
    static let name = "load_notification_key"
    static let sql = "select notification_key from afterthought.cluster_identity"

    static func decode(_ row: borrowing RowReader) throws(PostgresError) -> [UInt8] { try row.decode(0) }
}
