-- Purpose: names of clusters by a language model, if one is set up and allowed to.
-- Locks: an exclusive lock on conversation_clusters and current_clusters for the moment that a column takes to add.
-- Online: yes.

alter table afterthought.conversation_clusters
    add column labelled_by text,
    add column labelled_for text[],
    add constraint conversation_clusters_label_has_a_reason check ((labelled_by is null) = (labelled_for is null));
comment on column afterthought.conversation_clusters.labelled_by is
    'The language model that gave the label; null: it is made of the three best keywords.';
comment on column afterthought.conversation_clusters.labelled_for is
    'The keywords that the language model was shown: the label goes on while half of them do.';

create or replace view afterthought.current_clusters as
select
    c.cluster_id, c.label, c.keywords, m.conversations, c.size as conversations_at_run, c.silhouette, c.since_run,
    c.run_id, s.full_run_at as computed_at, c.labelled_by
from afterthought.clustering_state as s
join afterthought.conversation_clusters as c on c.run_id = s.current_run
cross join lateral (
    select count(*) as conversations
    from afterthought.cluster_members as m
    where m.run_id = c.run_id and m.cluster_id = c.cluster_id
) as m;
comment on column afterthought.current_clusters.label is
    'Its three best keywords, or the name that a language model gave it.';
comment on column afterthought.current_clusters.labelled_by is
    'The language model that gave the label; null: it is made of keywords.';

insert into afterthought.job_settings (name, job, kind, value, default_value, minimum, maximum, description)
values
    ('CLUSTERING_LANGUAGE_MODEL_LABELS', 'clustering', 'integer', '0', '0', 0, 256,
        'clusters that the language model may name in one run, if there is one; it is shown their keywords');
