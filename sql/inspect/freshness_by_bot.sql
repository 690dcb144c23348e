-- How much of what each bot's readers ask for is fresh, and why the rest is not.
select
    s.bot_name,
    count(*) as pairs,
    count(*) filter (where s.expires_at > now()) as fresh,
    round(100.0 * count(*) filter (where s.expires_at > now()) / count(*), 1) as fresh_percent,
    count(*) filter (where s.stale_reason is not null) as marked_stale,
    mode() within group (order by s.stale_reason) as commonest_reason,
    max(now() - s.complete_through) as oldest
from afterthought.strategic_rows as s
group by s.bot_name
order by fresh_percent, pairs desc;
