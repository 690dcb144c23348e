-- Which shards lag, who holds them, and whether a window is still being worked off.
select
    p.shard,
    now() - p.verified_at as lag,
    p.verified_at + p.ttl > now() as still_fresh,
    p.window_snapshot is not null as window_open,
    p.rebuild_pending,
    l.configuration,
    p.lease_until > now() as leased,
    p.unclean_takeovers,
    (select count(*) from afterthought.quarantine as q where q.shard = p.shard) as quarantined_pairs
from afterthought.shard_progress as p
left join afterthought.worker_leases as l on l.owner = p.owner
order by p.verified_at nulls first, p.shard
limit 16;
