-- One pair as a client reads it: psql -v user=u42 -v bot=elena -f sql/inspect/pair.sql
select freshness, age_seconds, reflects_through, messages_reflected, stale_reason, null_reasons, unvalidated
from afterthought.read_strategic(:'user', :'bot');

-- Its signals, a row each.
select g.key as signals, s.key as signal, s.value
from
    afterthought.read_strategic(:'user', :'bot') as r,
    jsonb_each(r.signals) as g,
    -- A group of which nothing is known is null.
    jsonb_each(case when jsonb_typeof(g.value) = 'object' then g.value else '{}' end) as s
order by g.key, s.key;

-- The text for a prompt.
select afterthought.prompt_digest(:'user', :'bot', 600);
