-- Purpose: how far `afterthought import` has come with each file, so that a killed import resumes where it stopped.
-- Locks: none on existing tables (everything here is new).
-- Online: yes.

create table afterthought.import_progress (
    fingerprint bytea not null,
    byte_offset bigint not null default 0,
    line_number bigint not null default 1,
    rows_loaded bigint not null default 0,
    rows_duplicate bigint not null default 0,
    rows_rejected bigint not null default 0,
    rejects_bytes bigint not null default 0,
    shift_microseconds bigint not null default 0,
    started_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    finished_at timestamptz,
    constraint import_progress_pkey primary key (fingerprint),
    constraint import_progress_fingerprint_is_a_digest check (octet_length(fingerprint) = 32)
);
comment on table afterthought.import_progress is
    'One row a file and mapping, written in the transaction of each chunk: what lies before byte_offset is loaded.';
comment on column afterthought.import_progress.fingerprint is
    'SHA-256 of the file''s size, its first and last mebibyte, and how its columns are read.';
