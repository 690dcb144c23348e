-- Pairs that could not be processed: since when, how often it was tried, and when it is tried next.
select
    q.bot_name,
    q.user_id,
    q.reason,
    q.error,
    q.attempts,
    now() - q.first_failed_at as failing_for,
    greatest(q.next_attempt_at - now(), interval '0') as next_attempt_in
from afterthought.quarantine as q
order by q.first_failed_at;
