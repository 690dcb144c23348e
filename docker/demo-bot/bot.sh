#!/bin/sh
# A bot in the least of words: stores what is said, and reads what Afterthought knows before it answers. Its answers are
# canned; where a real bot would ask its language model, this one prints the prompt text that it was handed.
#
# Needs psql and libpq's PG* variables; the password may be in the file that PGPASSWORD_FILE names.
#   BOT_ROUNDS    turns to talk, 0: without end (default 0)
#   BOT_SECONDS   pause between turns (default 5)
set -eu
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi
export PGAPPNAME="afterthought demo bot" PGOPTIONS="${PGOPTIONS:-} -c search_path=afterthought,pg_catalog"

said() { # TURN: what the user says this time
    case $(($1 % 6)) in
        0) echo "Hi! I've been thinking about our trip to Lisbon again." ;;
        1) echo "Do you remember which hotel I liked? The one near the river." ;;
        2) echo "By the way, my sister starts her new job in a hospital on Monday." ;;
        3) echo "I'm a bit worried about the flight, honestly." ;;
        4) echo "What should we cook tonight? Something quick, maybe pasta." ;;
        *) echo "Thanks, that helps a lot. Talk to you tomorrow!" ;;
    esac
}

turn=0
while :; do
    said "$turn" >"${TMPDIR:-/tmp}/said"
    # Read first, then answer, then store both. psql quotes what was said; nothing is pasted into the SQL.
    SAID="${TMPDIR:-/tmp}/said" psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 <<'SQL'
\set said `cat "$SAID"`
\set answer 'Tell me more about that.'
select 'user: ' || :'said';
select
    'cache: ' || coalesce(
        (
            select r.freshness || coalesce(', reflects ' || r.messages_reflected || ' messages', '')
            from read_strategic('demo-user', 'demo-bot') as r
        ), 'nothing known yet');
select 'prompt: ' || coalesce(nullif(prompt_digest('demo-user', 'demo-bot', 400), ''), '(nothing known yet)');
select record_message('demo-user', 'demo-bot', 'user', :'said') is not null as stored \gset
select record_message('demo-user', 'demo-bot', 'assistant', :'answer') is not null as answered \gset
select 'bot: ' || :'answer';
SQL
    turn=$((turn + 1))
    [ "${BOT_ROUNDS:-0}" -gt 0 ] && [ "$turn" -ge "$BOT_ROUNDS" ] && break
    sleep "${BOT_SECONDS:-5}"
done
