import Bytes
import Model
import Postgres

/// Tells readers which pairs changed, after the commit that changed them; only a hint, because rows carry their
/// freshness.
package struct CacheNotice: Sendable {
    package static let channel = "afterthought_cache"
    /// Hashes that one notification names; PostgreSQL takes less than 8,000 bytes, and each takes 19.
    package static let pairsMax = 400

    private let hashes: PairHash?

    /// Takes the cluster's key; without one, notices name whole shards.
    package init(notificationKey: [UInt8]) { hashes = PairHash(notificationKey: notificationKey) }

    /// The notification of one shard: `{"shard":n,"generation":n,"pairs":["…"]}`, without pairs when there are too
    /// many.
    package func payload(shard: Int16, generation: Int64, pairs: [Pair]) -> String {
        var json = JSONWriter()
        json.beginObject()
        json.key("shard")
        json.value(Int(shard))
        json.key("generation")
        json.value(generation)
        if let hashes, pairs.count <= Self.pairsMax {
            json.key("pairs")
            json.beginArray()
            for pair in pairs { json.value(PairHash.text(hashes.hash(pair))) }
            json.endArray()
        }
        json.endObject()
        return json.text
    }

    /// Sends the notices of a batch, one statement.
    package func send(
        _ connection: inout Connection, shards: [ShardProgress], changed: [PairInShard]
    ) throws(PostgresError) {
        let grouped = Dictionary(grouping: changed, by: \.shard)
        let payloads = shards.compactMap { shard in
            grouped[shard.shard].map {
                payload(shard: shard.shard, generation: shard.generation + 1, pairs: $0.map(\.pair))
            }
        }
        if !payloads.isEmpty { _ = try connection.run(SendNotices(payloads: payloads)) }
    }
}

struct SendNotices: Statement {
    static let name = "send_notices"
    static let sql = "select pg_notify('\(CacheNotice.channel)', payload) from unnest($1::text[]) as payload"

    var payloads: [String]

    func bind(to parameters: inout Parameters) { parameters.append(payloads) }
}
