import Bytes
import Model
import Postgres

/// A cluster of the set that holds, as far as new conversations need it.
package struct StoredCluster: Hashable, Sendable {
    package var id: Int64
    package var space: Int16
    package var version: Int32
    package var sinceRun: Int64
    /// Conversations it had when it was computed.
    package var size: Int32
    /// 256 integers of two bytes, little endian.
    package var centroid: [UInt8]
    package var label: ClusterLabel
}

/// What a cluster is called.
package struct ClusterLabel: Hashable, Sendable {
    package var text: String
    /// The language model that gave it; nil: it is made of keywords.
    package var model: String?
    /// The keywords that the model was shown.
    package var keywords: [String]

    package init(text: String, model: String? = nil, keywords: [String] = []) {
        self.text = text
        self.model = model
        self.keywords = keywords
    }
}

package struct LoadCurrentClusters: Statement {
    package static let name = "load_current_clusters"
    package static let sql = """
        select
            c.cluster_id, c.space, c.vector_version, c.since_run, c.size, c.centroid, c.label, c.labelled_by,
            coalesce(c.labelled_for, '{}')
        from afterthought.clustering_state as s
        join afterthought.conversation_clusters as c on c.run_id = s.current_run
        order by c.cluster_id
        """

    package init() {}

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> StoredCluster {
        StoredCluster(
            id: try row.decode(0), space: try row.decode(1), version: try row.decode(2), sinceRun: try row.decode(3),
            size: try row.decode(4), centroid: try row.decode(5),
            label: ClusterLabel(text: try row.decode(6), model: try row.decode(7), keywords: try row.decode(8)))
    }
}

/// The conversations that the set that holds was computed from, with their clusters.
///
/// Those that joined a cluster since say nothing about which cluster goes on: a new subject joins the nearest old one.
package struct LoadCurrentMembers: Statement {
    package static let name = "load_current_members"
    package static let sql = """
        select m.bot_name, m.user_id, m.conversation_id, m.cluster_id
        from afterthought.clustering_state as s
        join afterthought.cluster_members as m on m.run_id = s.current_run
        where not m.was_assigned
        """

    package init() {}

    package static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (key: ConversationKey, cluster: Int64) {
        let bot = try row.decode(0, as: String.self)
        let pair = Pair(userID: try row.decode(1, as: String.self), botName: bot)
        return (ConversationKey(pair: pair, conversationID: try row.decode(2)), try row.decode(3))
    }
}

/// A cluster as a run found it.
package struct NewCluster: Sendable {
    package var id: Int64
    package var label: ClusterLabel
    package var keywords: JSONText
    package var size: Int32
    package var silhouette: Double
    package var space: Int16
    package var version: Int32
    package var sinceRun: Int64
    package var centroid: [UInt8]

    package init(
        id: Int64, label: ClusterLabel, keywords: JSONText, size: Int32, silhouette: Double, space: Int16,
        version: Int32,
        sinceRun: Int64, centroid: [UInt8]
    ) {
        self.id = id
        self.label = label
        self.keywords = keywords
        self.size = size
        self.silhouette = silhouette
        self.space = space
        self.version = version
        self.sinceRun = sinceRun
        self.centroid = centroid
    }
}

package struct SaveClusters: Statement {
    package static let name = "save_clusters"
    package static let sql = """
        insert into afterthought.conversation_clusters (
            run_id, cluster_id, label, keywords, size, silhouette, space, vector_version, since_run, centroid,
            labelled_by, labelled_for)
        select
            $1, q.id, q.label, q.keywords, q.size, q.silhouette, q.space, q.version, q.since_run, q.centroid,
            q.labelled_by, case when q.labelled_by is not null then array(select jsonb_array_elements_text(q.shown)) end
        from unnest(
            $2::bigint[], $3::text[], $4::jsonb[], $5::integer[], $6::float8[], $7::smallint[], $8::integer[],
            $9::bigint[], $10::bytea[], $11::text[], $12::jsonb[])
            as q (id, label, keywords, size, silhouette, space, version, since_run, centroid, labelled_by, shown)
        """

    var run: Int64
    var clusters: [NewCluster]

    package init(run: Int64, clusters: [NewCluster]) {
        self.run = run
        self.clusters = clusters
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(run)
        parameters.append(clusters.map(\.id))
        parameters.append(clusters.map(\.label.text))
        parameters.append(clusters.map(\.keywords))
        parameters.append(clusters.map(\.size))
        parameters.append(clusters.map(\.silhouette))
        parameters.append(clusters.map(\.space))
        parameters.append(clusters.map(\.version))
        parameters.append(clusters.map(\.sinceRun))
        parameters.append(clusters.map(\.centroid))
        parameters.append(clusters.map(\.label.model))
        parameters.append(clusters.map { Self.json($0.label.keywords) })
    }

    /// An array of arrays would have to be of one length: each goes as JSON.
    private static func json(_ texts: [String]) -> JSONText {
        var json = JSONWriter()
        json.beginArray()
        for text in texts { json.value(text) }
        json.endArray()
        return JSONText(json.text)
    }
}

/// A conversation's place in a cluster.
package struct ClusterMember: Sendable {
    package var key: ConversationKey
    package var cluster: Int64
    package var similarity: Float

    package init(key: ConversationKey, cluster: Int64, similarity: Float) {
        self.key = key
        self.cluster = cluster
        self.similarity = similarity
    }
}

/// Stores members of a set.
///
/// One that was assigned moves; one that the set was computed from stays where it is. A
/// conversation that is no more is left out.
package struct SaveClusterMembers: Statement {
    package static let name = "save_cluster_members"
    package static let sql = """
        insert into afterthought.cluster_members as m (
            run_id, bot_name, user_id, conversation_id, cluster_id, similarity, was_assigned)
        select $1, q.*, $7
        from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::real[])
            as q (bot_name, user_id, conversation_id, cluster_id, similarity)
        where exists (
            select from afterthought.conversation_vectors as v
            where v.bot_name = q.bot_name and v.user_id = q.user_id and v.conversation_id = q.conversation_id)
        on conflict (run_id, bot_name, user_id, conversation_id) do update set
            cluster_id = excluded.cluster_id, similarity = excluded.similarity
        where m.was_assigned
        """

    var run: Int64
    var members: ArraySlice<ClusterMember>
    var areAssigned: Bool

    package init(run: Int64, members: ArraySlice<ClusterMember>, areAssigned: Bool) {
        self.run = run
        self.members = members
        self.areAssigned = areAssigned
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(run)
        parameters.append(members.map(\.key))
        parameters.append(members.map(\.cluster))
        parameters.append(members.map(\.similarity))
        parameters.append(areAssigned)
    }
}

/// What became of clusters since the run before.
package struct SaveClusterChanges: Statement {
    package static let name = "save_cluster_changes"
    package static let sql = """
        insert into afterthought.cluster_changes
            (run_id, "position", kind, cluster_id, other_cluster_id, conversations)
        select $1, q."position", q.kind, q.cluster, q.other, q.conversations
        from unnest($2::text[], $3::bigint[], $4::bigint[], $5::integer[]) with ordinality
            as q (kind, cluster, other, conversations, "position")
        """

    /// One change.
    package struct Change: Sendable {
        package var kind: String
        package var cluster: Int64
        package var other: Int64?
        package var conversations: Int32

        package init(kind: String, cluster: Int64, other: Int64?, conversations: Int32) {
            self.kind = kind
            self.cluster = cluster
            self.other = other
            self.conversations = conversations
        }
    }

    var run: Int64
    var changes: [Change]

    package init(run: Int64, changes: [Change]) {
        self.run = run
        self.changes = changes
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(run)
        parameters.append(changes.map(\.kind))
        parameters.append(changes.map(\.cluster))
        parameters.append(changes.map(\.other))
        parameters.append(changes.map(\.conversations))
    }
}

/// Lets readers see a run's set from this commit on, and removes all but it and the one before.
package struct PublishClusters: Statement {
    package static let name = "publish_clusters"
    package static let sql = """
        with state as (
            update afterthought.clustering_state as s
            set
                current_run = $1, full_run_at = now(), last_run_at = now(), changed_conversations = 0,
                next_cluster_id = $2
            from (select current_run from afterthought.clustering_state) as old
            returning old.current_run as previous_run
        ), old_members as (
            delete from afterthought.cluster_members as m using state as s
            where m.run_id < $1 and m.run_id is distinct from s.previous_run
        )
        delete from afterthought.conversation_clusters as c using state as s
        where c.run_id < $1 and c.run_id is distinct from s.previous_run
        """

    var run: Int64
    var nextClusterID: Int64

    package init(run: Int64, nextClusterID: Int64) {
        self.run = run
        self.nextClusterID = nextClusterID
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(run)
        parameters.append(nextClusterID)
    }
}

/// The clusters that hold, the largest first.
package struct ListClusters: Statement {
    package static let name = "list_clusters"
    package static let sql = """
        select cluster_id, label, conversations, silhouette
        from afterthought.current_clusters
        order by conversations desc, cluster_id
        limit $1
        """

    /// One cluster for people.
    package struct Cluster: Sendable {
        package var id: Int64
        package var label: String
        package var conversations: Int64
        package var silhouette: Double
    }

    var clustersMax: Int64

    package init(clustersMax: Int64) { self.clustersMax = clustersMax }

    package func bind(to parameters: inout Parameters) { parameters.append(clustersMax) }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Cluster {
        Cluster(
            id: try row.decode(0), label: try row.decode(1), conversations: try row.decode(2),
            silhouette: try row.decode(3))
    }
}
