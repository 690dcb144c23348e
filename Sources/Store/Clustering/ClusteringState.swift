import Bytes
import Model
import Postgres

/// How far clustering has come: the row of `clustering_state`.
package struct ClusteringState: Hashable, Sendable {
    package var epoch: Int32
    /// The epoch of the database; another one means that it was restored from a dump.
    package var databaseEpoch: Int32
    package var last: Snapshot
    /// Nil: everything that `last` sees is done, and nothing else is begun.
    package var window: Snapshot?
    package var position: CommitPosition
    package var generation: Int64
    package var currentRun: Int64?
    package var fullRunAt: Timestamp?
    package var changedConversations: Int64
    package var nextClusterID: Int64
    /// Messages up to this id carry transaction ids of another cluster.
    package var floor: Int64

    /// Before the first run, or the first since the database was restored.
    package var isFirstWindow: Bool { last == Snapshot(minimum: 3, maximum: 3, inProgress: []) }
}

/// Where a message stands in the order in which shards are read.
package struct CommitPosition: Hashable, Sendable, Comparable {
    package var shard: Int16
    package var transaction: UInt64
    package var id: Int64

    package init(shard: Int16, transaction: UInt64, id: Int64) {
        self.shard = shard
        self.transaction = transaction
        self.id = id
    }

    /// Before every message.
    package static let start = CommitPosition(shard: 0, transaction: 0, id: 0)

    package static func < (left: CommitPosition, right: CommitPosition) -> Bool {
        (left.shard, left.transaction, left.id) < (right.shard, right.transaction, right.id)
    }
}

package struct LoadClusteringState: Statement {
    package static let name = "load_clustering_state"
    package static let sql = """
        select
            s.epoch, c.epoch, s.last_snapshot, s.window_snapshot, s.position_shard, s.position_tx, s.position_id,
            s.generation, s.current_run, s.full_run_at, s.changed_conversations, s.next_cluster_id, f.floor_id
        from afterthought.clustering_state as s
        cross join afterthought.cluster_identity as c
        join afterthought.stream_floors as f on f.stream = 'messages'
        """

    package init() {}

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ClusteringState {
        ClusteringState(
            epoch: try row.decode(0), databaseEpoch: try row.decode(1), last: try row.decode(2),
            window: try row.decode(3, as: Snapshot?.self),
            position: CommitPosition(
                shard: try row.decode(4), transaction: try row.decode(5, as: TransactionID.self).value,
                id: try row.decode(6)),
            generation: try row.decode(7), currentRun: try row.decode(8, as: Int64?.self),
            fullRunAt: try row.decode(9, as: Timestamp?.self), changedConversations: try row.decode(10),
            nextClusterID: try row.decode(11), floor: try row.decode(12))
    }
}

/// Begins a window: what is committed now and was not at the end of the last one.
///
/// It changes no row if a window is open. Pairs whose history was edited or deleted from meanwhile are marked to be
/// made anew: their conversations are or, if they have none but have messages, an empty one that stands for them. After
/// a restore everything is forgotten and read again.
package struct OpenClusteringWindow: Statement {
    package static let name = "open_clustering_window"
    package static let sql = """
        with before as (
            select s.last_snapshot, s.epoch <> c.epoch as is_restored, c.epoch, f.floor_id,
                array(
                    select xip from pg_snapshot_xip(s.last_snapshot) as xip
                    where pg_visible_in_snapshot(xip, pg_current_snapshot())) as ended
            from afterthought.clustering_state as s
            cross join afterthought.cluster_identity as c
            join afterthought.stream_floors as f on f.stream = 'pair_changes'
            where s.window_snapshot is null
        ), changed as (
            select distinct p.bot_name, p.user_id
            from before as b
            cross join generate_series(0, 63) as part
            cross join lateral (
                select q.bot_name, q.user_id from afterthought.pair_changes as q
                where q.shard = part::smallint and q.tx >= pg_snapshot_xmax(b.last_snapshot)
                    and q.id + 0 > b.floor_id and q.reason in ('edited', 'deleted', 'truncated')
                union all
                select q.bot_name, q.user_id
                from unnest(b.ended) as ended
                join afterthought.pair_changes as q on q.shard = part::smallint and q.tx = ended
                where q.id + 0 > b.floor_id and q.reason in ('edited', 'deleted', 'truncated')
            ) as p
            where not b.is_restored and b.last_snapshot::text <> '3:3:'
        ), marked as (
            update afterthought.conversation_vectors as v
            set vector_version = 0
            from changed as p
            where v.bot_name = p.bot_name and v.user_id = p.user_id
        ), stood_for as (
            insert into afterthought.conversation_vectors (
                bot_name, user_id, conversation_id, is_session, space, vector_version, messages, weight, first_at,
                last_at, sums, terms)
            select p.bot_name, p.user_id, '', false, 0, 0, 0, 0, now(), now(), decode(repeat('00', 1024), 'hex'), '{}'
            from changed as p
            where not exists (
                    select from afterthought.conversation_vectors as v
                    where v.bot_name = p.bot_name and v.user_id = p.user_id)
                and exists (
                    select from afterthought.messages as m
                    where m.shard = afterthought.shard_of(p.user_id, p.bot_name) and m.bot_name = p.bot_name
                        and m.user_id = p.user_id)
        ), forgotten as (
            delete from afterthought.conversation_vectors using before as b where b.is_restored
        )
        update afterthought.clustering_state as s
        set
            epoch = b.epoch,
            last_snapshot = case when b.is_restored then '3:3:' else s.last_snapshot end,
            window_snapshot = pg_current_snapshot(),
            position_shard = 0,
            position_tx = '0',
            position_id = 0,
            generation = s.generation + 1
        from before as b
        where s.window_snapshot is null
        """

    package init() {}
}

/// Moves the position within the window, or closes it; changes no row if somebody else changed vectors meanwhile.
package struct AdvanceClustering: Statement {
    package static let name = "advance_clustering"
    package static let sql = """
        update afterthought.clustering_state
        set
            position_shard = $2,
            position_tx = $3,
            position_id = $4,
            last_snapshot = case when $5 then window_snapshot else last_snapshot end,
            window_snapshot = case when $5 then null else window_snapshot end,
            changed_conversations = changed_conversations + $6,
            generation = generation + 1
        where generation = $1 and window_snapshot is not null
        """

    var generation: Int64
    /// Where the window has come to.
    package let position: CommitPosition
    var isWindowDone: Bool
    var changedConversations: Int64

    package init(generation: Int64, position: CommitPosition, isWindowDone: Bool, changedConversations: Int64) {
        self.generation = generation
        self.position = position
        self.isWindowDone = isWindowDone
        self.changedConversations = changedConversations
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(generation)
        parameters.append(position.shard)
        parameters.append(TransactionID(position.transaction))
        parameters.append(position.id)
        parameters.append(isWindowDone)
        parameters.append(changedConversations)
    }
}
