/// A table that holds something of a user: how its rows are found, and what erasing does to them.
///
/// `erase`, `export` and the tests that walk the catalog all go by `UserTable.all`: a table that is not here fails a
/// test. The user at hand is in the transaction's settings (`AimAtUser`), so that conditions are static text, and
/// row-level security of the user's own rows lets them be seen.
package struct UserTable: Sendable {
    /// What a row belongs to.
    package enum Scope: Sendable {
        /// To a user with a bot.
        case pair
        /// To a user, whatever the bot: left alone when a user is erased with one bot.
        case user
    }

    /// What erasing does.
    package enum Removal: Sendable {
        case delete
        /// Runs an update that leaves the rows and takes the user out of them.
        case scrub(sql: String)
    }

    /// When erasing may take the rows' locks without a deadlock.
    package enum Writer: Sendable {
        /// Applications and jobs write it: at once.
        case anybody
        /// Workers write it while they hold the row's shard: after the shards are locked.
        case shardOwner
    }

    /// In the schema `afterthought`.
    package let name: String
    /// The columns that say whose a row is.
    package let columns: [String]
    package let scope: Scope
    package let writer: Writer
    package let removal: Removal
    /// Tells the user's rows, of the alias `t`.
    package let condition: String
    /// Whether a row is the user's alone, so that `export` shows it.
    package let isExported: Bool

    init(
        _ name: String, _ columns: [String] = ["user_id"], scope: Scope = .user, writer: Writer = .anybody,
        removal: Removal = .delete, isExported: Bool = true, condition: String? = nil
    ) {
        self.name = name
        self.columns = columns
        self.scope = scope
        self.writer = writer
        self.removal = removal
        self.isExported = isExported
        let ofBot = scope == .pair ? " and (\(Self.bot) = '' or t.bot_name = \(Self.bot))" : ""
        self.condition = condition ?? "t.\(columns[0]) = \(Self.user)\(ofBot)"
    }

    /// The SQL of the user's id.
    static let user = "current_setting('afterthought.user_id')"
    /// The SQL of the one bot at hand; empty: all.
    static let bot = "current_setting('afterthought.bot_name')"
    /// The SQL of the user's id as a JSON string, with its quotes.
    static let token = "to_jsonb(\(user))::text"

    /// The condition of a table whose index begins with shard, bot and user.
    private static func byShard(_ user: String) -> String {
        """
        (t.shard, t.bot_name) in (
            select afterthought.shard_of(\(Self.user), b.bot_name), b.bot_name
            from unnest(current_setting('afterthought.bot_names')::text[]) as b (bot_name)
        ) and \(user) = \(Self.user)
        """
    }

    private static func stream(_ name: String, user: String = "t.user_id") -> UserTable {
        UserTable(name, scope: .pair, condition: byShard(user))
    }

    private static func owned(_ name: String, condition: String? = nil) -> UserTable {
        UserTable(name, scope: .pair, writer: .shardOwner, condition: condition)
    }

    /// Every table, in the order in which erasing takes their locks: that of the jobs that write several of them.
    package static let all: [UserTable] =
        clustering + learning + [
            UserTable("preference_signals"), UserTable("user_preferences"),
            UserTable("chat_personality_insights"), UserTable("entertainment_interactions"),
            UserTable("user_personality_profiles"), UserTable("personality_history"),
            UserTable("user_update_failures"), UserTable("personality_update_requests"),
            UserTable("outreach_rules", scope: .pair),
            stream("messages"), stream("memory_retrievals"), stream("metric_points", user: "coalesce(t.user_id, '')"),
            stream("trait_activations"), stream("outreach_attempts"),
        ] + workers + jobs

    private static let clustering: [UserTable] = [
        UserTable(
            "conversation_clusters", [], scope: .pair, removal: .scrub(sql: clusterWords), isExported: false,
            condition: """
                (t.run_id, t.cluster_id) in (
                    select m.run_id, m.cluster_id from afterthought.cluster_members as m
                    where m.user_id = \(user) and (\(bot) = '' or m.bot_name = \(bot)))
                """),
        UserTable("cluster_members", scope: .pair),
        UserTable("conversation_vectors", scope: .pair),
        UserTable("message_analysis", scope: .pair),
    ]

    private static let learning: [UserTable] = [
        // Prompts that show the user's examples hold the user's words.
        UserTable(
            "prompt_variants", [],
            condition: """
                t.shown_examples && array(
                    select e.id from afterthought.learning_examples as e where e.user_id = \(user))
                """),
        UserTable("learning_examples"), UserTable("agent_feedback"), UserTable("agent_feedback_archive"),
        UserTable("agent_executions"), UserTable("embedding_training_pairs"),
        UserTable("experiment_assignments", ["unit_id"]), UserTable("experiment_outcomes", ["unit_id"]),
    ]

    private static let workers: [UserTable] = [
        owned(
            "pair_changes",
            // Its index begins with the shard alone.
            condition: """
                t.shard in (
                    select afterthought.shard_of(\(user), b.bot_name)
                    from unnest(current_setting('afterthought.bot_names')::text[]) as b (bot_name)
                ) and t.user_id = \(user) and (\(bot) = '' or t.bot_name = \(bot))
                """),
        owned("engine_state", condition: byShard("t.user_id")),
        owned("engine_checkpoints", condition: byShard("t.user_id")),
        owned("strategic_cache"), owned("quarantine"), owned("refresh_requests"),
        UserTable(
            "shard_progress", ["position_user", "suspect_user"], scope: .pair, writer: .shardOwner,
            removal: .scrub(sql: shardPlaces), isExported: false,
            condition: """
                (t.position_user = \(user) and (\(bot) = '' or t.position_bot = \(bot))
                    or t.suspect_user = \(user) and (\(bot) = '' or t.suspect_bot = \(bot)))
                """),
    ]

    private static let jobs: [UserTable] = [
        UserTable("jobs", ["arguments"], condition: "t.arguments ->> 'user_id' = \(user)"),
        // A run over many users, which has come to this one or tells of it: it starts over, and leaves the others out.
        UserTable(
            "jobs", ["progress", "tally"],
            removal: .scrub(
                sql: """
                    update afterthought.jobs as t set progress = 'null', tally = 'null'
                    where strpos(t.progress::text, \(token)) > 0 or strpos(t.tally::text, \(token)) > 0
                    """),
            isExported: false,
            condition: "(strpos(t.progress::text, \(token)) > 0 or strpos(t.tally::text, \(token)) > 0)"),
        UserTable(
            "system_tasks", ["metadata"],
            removal: .scrub(
                sql: """
                    update afterthought.system_tasks as t set metadata = '{}'
                    where strpos(t.metadata::text, \(token)) > 0
                    """),
            isExported: false, condition: "strpos(t.metadata::text, \(token)) > 0"),
    ]
}

extension UserTable {
    /// Leaves the keywords of clusters that other conversations have too; the next full run computes all anew.
    private static let clusterWords = """
        with touched as (
            select distinct m.run_id, m.cluster_id from afterthought.cluster_members as m
            where m.user_id = \(user) and (\(bot) = '' or m.bot_name = \(bot))
        ), kept as (
            select
                c.run_id, c.cluster_id,
                coalesce(jsonb_agg(w.value order by w.ordinality) filter (where o.has_it), '[]') as keywords,
                coalesce(array_agg(w.value ->> 'term' order by w.ordinality) filter (where o.has_it), '{}') as terms
            from touched as g
            join afterthought.conversation_clusters as c on c.run_id = g.run_id and c.cluster_id = g.cluster_id
            left join lateral jsonb_array_elements(c.keywords) with ordinality as w on true
            left join lateral (
                select exists (
                    select from afterthought.cluster_members as m
                    join afterthought.conversation_vectors as v
                        on v.bot_name = m.bot_name and v.user_id = m.user_id
                            and v.conversation_id = m.conversation_id
                    where m.run_id = c.run_id and m.cluster_id = c.cluster_id
                        and not (m.user_id = \(user) and (\(bot) = '' or m.bot_name = \(bot)))
                        and v.terms ? (w.value ->> 'term')) as has_it
            ) as o on true
            group by c.run_id, c.cluster_id
        )
        update afterthought.conversation_clusters as t
        set keywords = k.keywords, label = array_to_string(k.terms[1:3], ', ')
        from kept as k
        where t.run_id = k.run_id and t.cluster_id = k.cluster_id
        """

    /// Moves a place that a backlog has come to from the user to just before whoever follows: no row lies between.
    private static let shardPlaces: String = {
        let next = StreamFloors.tables.map { table in
            """
            select min(\(table == "metric_points" ? "coalesce(s.user_id, '')" : "s.user_id")) as next
            from afterthought.\(table) as s
            where s.shard = t.shard and s.bot_name = t.position_bot
                and \(table == "metric_points" ? "coalesce(s.user_id, '')" : "s.user_id") > \(user)
            """
        }
        let isPlace = "t.position_user = \(user) and (\(bot) = '' or t.position_bot = \(bot))"
        let isSuspect = "t.suspect_user = \(user) and (\(bot) = '' or t.suspect_bot = \(bot))"
        return """
            update afterthought.shard_progress as t
            set
                position_user = case when \(isPlace) then coalesce(
                    -- Nobody follows: the greatest text there is.
                    (select min(n.next) from (\(next.joined(separator: "\nunion all\n"))) as n), chr(1114111))
                    else t.position_user end,
                position_at = case when \(isPlace) then null else t.position_at end,
                position_stream = case when \(isPlace) then null else t.position_stream end,
                position_id = case when \(isPlace) then null else t.position_id end,
                suspect_bot = case when \(isSuspect) then null else t.suspect_bot end,
                suspect_user = case when \(isSuspect) then null else t.suspect_user end
            where \(isPlace) or \(isSuspect)
            """
    }()
}
