-- Purpose: a run of the clustering ends when its attempt does; edits and deletions start one; so do changes that wait.
-- Locks: an exclusive one on jobs for a moment.
-- Online: yes; an older worker notes the end of its runs itself as well.

-- How a run ended is known where the attempt's end is recorded: the run itself may have no connection left to say so.
create function afterthought.note_clustering_end() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update afterthought.clustering_runs
    set status = 'failed', finished_at = now(), error_message = new.error_message
    where run_id = new.id and status = 'running';
    return null;
end
$$;
comment on function afterthought.note_clustering_end is
    'Ends the row of a clustering run whose attempt failed, was cancelled or was lost.';
-- An attempt that was given back on purpose goes on in another worker: it may be repeated once more often.
create trigger note_clustering_end after update of state on afterthought.jobs for each row
    when (
        old.job = 'clustering' and old.state = 'running' and new.state <> 'running'
        and new.error_message is not null and new.attempts_max = old.attempts_max)
    execute function afterthought.note_clustering_end();

create function afterthought.clustering_is_outdated() returns boolean
    language sql stable
begin atomic
    with state as materialized (
        select
            s.last_snapshot, f.floor_id,
            array(
                select ended from pg_snapshot_xip(s.last_snapshot) as ended
                where pg_visible_in_snapshot(ended, pg_current_snapshot())) as ended
        from afterthought.clustering_state as s
        join afterthought.stream_floors as f on f.stream = 'pair_changes'
        where s.window_snapshot is null
    )
    select exists (
        select
        from state as s
        cross join generate_series(0, 63) as part
        cross join lateral (
            select q.bot_name, q.user_id from afterthought.pair_changes as q
            where q.shard = part::smallint and q.tx >= pg_snapshot_xmax(s.last_snapshot)
                and q.id + 0 > s.floor_id and q.reason in ('edited', 'deleted', 'truncated')
            union all
            select q.bot_name, q.user_id
            from unnest(s.ended) as ended
            join afterthought.pair_changes as q on q.shard = part::smallint and q.tx = ended
            where q.id + 0 > s.floor_id and q.reason in ('edited', 'deleted', 'truncated')
        ) as p
        where exists (
            select from afterthought.conversation_vectors as v
            where v.bot_name = p.bot_name and v.user_id = p.user_id)
    );
end;
comment on function afterthought.clustering_is_outdated is
    'Whether messages of a clustered conversation were edited or deleted since the last run.';

create or replace function afterthought.clustering_trigger() returns text
    language sql stable
begin atomic
    -- Materialised, because the backlog is looked at more than once.
    with t as materialized (
        select
            afterthought.clustering_setting('BACKGROUND_CLUSTERING_ENABLED')::boolean as enabled,
            afterthought.clustering_setting('CLUSTERING_MESSAGE_THRESHOLD')::bigint as threshold,
            afterthought.clustering_setting('CLUSTERING_TIME_THRESHOLD_MINUTES')::double precision as minutes,
            afterthought.clustering_backlog(
                greatest(afterthought.clustering_setting('CLUSTERING_MESSAGE_THRESHOLD')::bigint, 2)) as backlog,
            s.last_run_at as last_run,
            s.changed_conversations as changed,
            s.epoch <> c.epoch as is_restored
        from afterthought.clustering_state as s
        cross join afterthought.cluster_identity as c
    )
    select case
        when not t.enabled then null
        when t.is_restored then 'the database was restored from a dump'
        when t.last_run is null and t.backlog >= 2 then 'no run yet, and 2 messages or more'
        when t.last_run is null then null
        when t.backlog >= t.threshold then 'at least ' || t.threshold || ' unprocessed messages'
        when afterthought.clustering_is_outdated() then 'messages were edited or deleted'
        when t.last_run > now() - make_interval(secs => t.minutes * 60) then null
        when t.backlog > 0 then 'unprocessed messages, and ' || t.minutes || ' minutes since the last run'
        -- Conversations that joined a cluster, or were made anew, since the clusters were computed.
        when t.changed > 0 then 'changed conversations, and ' || t.minutes || ' minutes since the last run'
        end
    from t;
end;
