import Bytes
import Postgres

/// When a user wrote to a bot, by hour of the week (UTC), and what emotions were found in messages, as one JSON object.
///
/// It reads the pair's newest messages through the index of pairs, and the newest of those that somebody had looked at.
package struct PairActivity: JSONListing {
    package static let name = "pair_activity"
    /// Messages that are looked at.
    package static let messagesMax = 5_000
    /// Emotions that are told.
    package static let emotionsMax = 500
    package static let sql = """
        with newest as materialized (
            select m.id, m.role, m.effective_at
            from afterthought.messages as m
            where m.shard = afterthought.shard_of($1, $2) and m.bot_name = $2 and m.user_id = $1
            order by m.effective_at desc, m.id desc
            limit \(messagesMax)
        ), hours as (
            select
                extract(isodow from n.effective_at at time zone 'UTC')::integer as weekday,
                extract(hour from n.effective_at at time zone 'UTC')::integer as hour, count(*) as messages
            from newest as n
            where n.role = 'user'
            group by 1, 2
        ), emotions as (
            select m.effective_at as at, m.role, a.valence, a.arousal, a.dominant_emotion
            from (
                select l.message_id, l.valence, l.arousal, l.dominant_emotion
                from afterthought.message_analysis as l
                where l.user_id = $1 and l.bot_name = $2
                order by l.message_id desc
                limit \(emotionsMax)
            ) as a
            join afterthought.messages as m on m.id = a.message_id
        )
        select jsonb_build_object(
            'messages', (select count(*) from newest),
            'first_at', (select min(effective_at) from newest),
            'last_at', (select max(effective_at) from newest),
            'hours', (
                select coalesce(jsonb_agg(to_jsonb(h) order by h.weekday, h.hour), '[]') from hours as h),
            'emotions', (select coalesce(jsonb_agg(to_jsonb(e) order by e.at), '[]') from emotions as e))::text
        """

    var user: String
    var bot: String

    package init(user: String, bot: String) {
        self.user = user
        self.bot = bot
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(user)
        parameters.append(bot)
    }
}
