-- Cache rows near their limit of 4 kB, and what makes them large.
select
    c.bot_name,
    c.user_id,
    pg_column_size(c.*) as row_bytes,
    pg_column_size(c.memory_candidates) as memory_candidates_bytes,
    pg_column_size(c.trait_history) as trait_history_bytes,
    pg_column_size(c.topic_transition_graph) as topic_graph_bytes,
    pg_column_size(c.recent_topics) as recent_topics_bytes,
    (
        select octet_length(e.state)
        from afterthought.engine_state as e
        where e.shard = c.shard and e.bot_name = c.bot_name and e.user_id = c.user_id
    ) as state_bytes
from afterthought.strategic_cache as c
order by row_bytes desc
limit 20;
