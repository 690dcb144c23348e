#!/bin/sh
# The logins of compose.yaml, made once with the database: the postgres image runs what lies in its entry folder.
#
# The group roles are given their rights by `afterthought migrate --roles`, which finds them here.
set -eu
export SECRETS="${SECRETS:-/run/secrets}"
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
-- Read by psql itself, so that no password is seen among a process's arguments or, in the clear, in the server's log.
\set worker_password `cat "$SECRETS/worker_password"`
\set bot_password `cat "$SECRETS/bot_password"`
\set monitor_password `cat "$SECRETS/afterthought_monitor_password"`
set password_encryption = 'scram-sha-256';
set log_statement = 'none';
create role afterthought_app nologin;
create role afterthought_reader nologin;
create role afterthought_worker nologin;
create role afterthought_admin nologin;
create role afterthought_interface nologin;
create role afterthought_monitor nologin;
create role worker login password :'worker_password' in role afterthought_worker;
create role bot login password :'bot_password' in role afterthought_app, afterthought_reader;
-- Grafana's: a dashboard that asks too much is stopped, not the worker.
create role monitor login password :'monitor_password' connection limit 4 in role afterthought_monitor;
alter role monitor set statement_timeout = '10s';
alter role monitor set default_transaction_read_only = on;
-- For `docker compose run demo`: the sample never comes between real messages.
create database demo;
SQL
