import Bytes
import Model
import Postgres

/// A message that somebody asks about: whose it is and when.
package struct LocateMessage: Statement {
    package static let name = "locate_message"
    package static let sql = """
        select m.shard, m.bot_name, m.user_id, m.effective_at, m.conversation_id
        from afterthought.messages as m where m.id = $1
        """

    /// Where a message is.
    package struct Place: Sendable {
        package var shard: Int16
        package var pair: Pair
        package var at: Timestamp
        package var conversationID: String?
    }

    var id: Int64

    package init(id: Int64) { self.id = id }

    package func bind(to parameters: inout Parameters) { parameters.append(id) }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Place {
        let bot = try row.decode(1, as: String.self)
        return Place(
            shard: try row.decode(0), pair: Pair(userID: try row.decode(2, as: String.self), botName: bot),
            at: try row.decode(3), conversationID: try row.decode(4, as: String?.self))
    }
}

/// A message and those of its pair before it, newest first.
package struct LoadMessagesThrough: Statement {
    package static let name = "load_messages_through"
    package static let sql = """
        select \(StreamColumns.list(MessagesTable.self)), \(MessagesTable.eventColumns)
        from afterthought.messages
        where shard = $1 and bot_name = $2 and user_id = $3 and (effective_at, id) <= ($4, $5)
        order by effective_at desc, id desc
        limit $6
        """

    var place: LocateMessage.Place
    var id: Int64
    var rowsMax: Int64

    package init(place: LocateMessage.Place, id: Int64, rowsMax: Int64) {
        self.place = place
        self.id = id
        self.rowsMax = rowsMax
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(place.shard)
        parameters.append(place.pair.botName)
        parameters.append(place.pair.userID)
        parameters.append(place.at)
        parameters.append(id)
        parameters.append(rowsMax)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> ScannedRow {
        try ScannedRow(row, of: MessagesTable.self)
    }
}

/// Keeps a pair of a shard from being erased until the transaction's end; workers go on.
package struct HoldOffErasure: Statement {
    package static let name = "hold_off_erasure"
    package static let sql = "select shard from afterthought.shard_progress where shard = $1 for key share"

    var shard: Int16

    package init(shard: Int16) { self.shard = shard }

    package func bind(to parameters: inout Parameters) { parameters.append(shard) }
}

/// Stores what was found about a message; returns the cluster of its conversation, if it is in one.
///
/// No row comes back, and none is stored, when the message is gone.
package struct SaveMessageAnalysis: Statement {
    package static let name = "save_message_analysis"
    package static let sql = """
        insert into afterthought.message_analysis as a (
            message_id, bot_name, user_id, conversation_id, concepts, emotion, dominant_emotion, valence, arousal,
            switch_probability, is_switch, topic, null_reason, engine_version, config_hash, cluster_id)
        select $1, $2::text, $3::text, $4::text, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, (
            select m.cluster_id
            from afterthought.clustering_state as s
            join afterthought.cluster_members as m on m.run_id = s.current_run
            join afterthought.conversation_vectors as v
                on v.bot_name = m.bot_name and v.user_id = m.user_id and v.conversation_id = m.conversation_id
            where m.bot_name = $2::text and m.user_id = $3::text
                and case when v.is_session then $4::text is null and $16::timestamptz between v.first_at and v.last_at
                    else m.conversation_id = $4::text end
            order by v.first_at limit 1)
        where exists (select from afterthought.messages as n where n.id = $1)
        on conflict (message_id) do update set
            conversation_id = excluded.conversation_id, concepts = excluded.concepts, emotion = excluded.emotion,
            dominant_emotion = excluded.dominant_emotion, valence = excluded.valence, arousal = excluded.arousal,
            switch_probability = excluded.switch_probability, is_switch = excluded.is_switch, topic = excluded.topic,
            null_reason = excluded.null_reason, engine_version = excluded.engine_version,
            config_hash = excluded.config_hash, cluster_id = excluded.cluster_id, analyzed_at = now()
        returning a.cluster_id
        """

    /// What was found.
    package struct Finding: Sendable {
        package var id: Int64
        package var place: LocateMessage.Place
        package var concepts: JSONText
        package var emotion: JSONText
        package var dominantEmotion: String
        package var valence: Double
        package var arousal: Double
        package var switchProbability: Double?
        package var isSwitch: Bool?
        package var topic: String?
        /// Why there is no probability of a switch.
        package var nullReason: String?
        package var engineVersion: Int32
        package var configHash: String

        package init(
            id: Int64, place: LocateMessage.Place, concepts: JSONText, emotion: JSONText, dominantEmotion: String,
            valence: Double, arousal: Double, switchProbability: Double?, isSwitch: Bool?, topic: String?,
            nullReason: String?, engineVersion: Int32, configHash: String
        ) {
            self.id = id
            self.place = place
            self.concepts = concepts
            self.emotion = emotion
            self.dominantEmotion = dominantEmotion
            self.valence = valence
            self.arousal = arousal
            self.switchProbability = switchProbability
            self.isSwitch = isSwitch
            self.topic = topic
            self.nullReason = nullReason
            self.engineVersion = engineVersion
            self.configHash = configHash
        }
    }

    var finding: Finding

    package init(_ finding: Finding) { self.finding = finding }

    package func bind(to parameters: inout Parameters) {
        parameters.append(finding.id)
        parameters.append(finding.place.pair.botName)
        parameters.append(finding.place.pair.userID)
        parameters.append(finding.place.conversationID)
        parameters.append(finding.concepts)
        parameters.append(finding.emotion)
        parameters.append(finding.dominantEmotion)
        parameters.append(finding.valence)
        parameters.append(finding.arousal)
        parameters.append(finding.switchProbability)
        parameters.append(finding.isSwitch)
        parameters.append(finding.topic)
        parameters.append(finding.nullReason)
        parameters.append(finding.engineVersion)
        parameters.append(finding.configHash)
        parameters.append(finding.place.at)
    }

    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> Int64? {
        try row.decode(0, as: Int64?.self)
    }
}
