-- Purpose: the audit of what was changed through the HTTP endpoint.
-- Locks: none on existing tables.
-- Online: yes.

create table afterthought.operations_audit (
    id bigint generated always as identity,
    at timestamptz not null default now(),
    action text not null,
    subject text,
    user_hash text,
    address text not null,
    status smallint,
    finished_at timestamptz,
    constraint operations_audit_pkey primary key (id),
    constraint operations_audit_texts_are_bounded check (
        octet_length(action) between 1 and 100 and octet_length(subject) <= 256 and octet_length(user_hash) <= 64
        and octet_length(address) <= 64),
    constraint operations_audit_end_is_whole check ((status is null) = (finished_at is null)),
    constraint operations_audit_status_is_http check (status between 100 and 599)
);
comment on table afterthought.operations_audit is
    'What was changed through the HTTP endpoint with the administrator''s key: a row is written before the change, and '
    'completed after it. It holds no content, no user id and no key.';
comment on column afterthought.operations_audit.id is 'In the order of requests.';
comment on column afterthought.operations_audit.at is 'When it was asked for.';
comment on column afterthought.operations_audit.action is 'The operation''s name in /openapi.json.';
comment on column afterthought.operations_audit.subject is 'What it was about: a job or the number of a message.';
comment on column afterthought.operations_audit.user_hash is
    'Whom it was about: a hash of the user''s id, keyed with cluster_identity.notification_key.';
comment on column afterthought.operations_audit.address is 'The address that asked.';
comment on column afterthought.operations_audit.status is
    'The HTTP status of the answer; null: under way, or the worker was lost meanwhile.';
comment on column afterthought.operations_audit.finished_at is 'When it was answered.';
