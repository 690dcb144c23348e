#include "migrations.h"

// A new migration takes one array here and one line in the list below; a test holds that none is forgotten.

static const unsigned char migration_0001[] = {
#embed "../../sql/migrations/0001_streams_and_state.sql"
};

static const unsigned char migration_0002[] = {
#embed "../../sql/migrations/0002_views.sql"
};

static const unsigned char migration_0003[] = {
#embed "../../sql/migrations/0003_import.sql"
};

static const unsigned char migration_0004[] = {
#embed "../../sql/migrations/0004_signal_quality.sql"
};

static const unsigned char migration_0005[] = {
#embed "../../sql/migrations/0005_engines_2.sql"
};

static const unsigned char migration_0006[] = {
#embed "../../sql/migrations/0006_jobs.sql"
};

static const unsigned char migration_0007[] = {
#embed "../../sql/migrations/0007_preferences_personality.sql"
};

static const unsigned char migration_0008[] = {
#embed "../../sql/migrations/0008_clustering.sql"
};

static const unsigned char migration_0009[] = {
#embed "../../sql/migrations/0009_learning.sql"
};

static const unsigned char migration_0010[] = {
#embed "../../sql/migrations/0010_outreach_rules.sql"
};

static const unsigned char migration_0011[] = {
#embed "../../sql/migrations/0011_retrieval_adapters.sql"
};

static const unsigned char migration_0012[] = {
#embed "../../sql/migrations/0012_language_model.sql"
};

static const unsigned char migration_0013[] = {
#embed "../../sql/migrations/0013_cluster_names.sql"
};

static const unsigned char migration_0014[] = {
#embed "../../sql/migrations/0014_operations_audit.sql"
};

static const unsigned char migration_0015[] = {
#embed "../../sql/migrations/0015_user_rights.sql"
};

static const unsigned char migration_0016[] = {
#embed "../../sql/migrations/0016_own_rows.sql"
};

static const unsigned char migration_0017[] = {
#embed "../../sql/migrations/0017_clustering_truth.sql"
};

static const unsigned char migration_0018[] = {
#embed "../../sql/migrations/0018_job_truth.sql"
};

static const afterthought_asset migrations[] = {
    {"0001_streams_and_state", migration_0001, sizeof migration_0001},
    {"0002_views", migration_0002, sizeof migration_0002},
    {"0003_import", migration_0003, sizeof migration_0003},
    {"0004_signal_quality", migration_0004, sizeof migration_0004},
    {"0005_engines_2", migration_0005, sizeof migration_0005},
    {"0006_jobs", migration_0006, sizeof migration_0006},
    {"0007_preferences_personality", migration_0007, sizeof migration_0007},
    {"0008_clustering", migration_0008, sizeof migration_0008},
    {"0009_learning", migration_0009, sizeof migration_0009},
    {"0010_outreach_rules", migration_0010, sizeof migration_0010},
    {"0011_retrieval_adapters", migration_0011, sizeof migration_0011},
    {"0012_language_model", migration_0012, sizeof migration_0012},
    {"0013_cluster_names", migration_0013, sizeof migration_0013},
    {"0014_operations_audit", migration_0014, sizeof migration_0014},
    {"0015_user_rights", migration_0015, sizeof migration_0015},
    {"0016_own_rows", migration_0016, sizeof migration_0016},
    {"0017_clustering_truth", migration_0017, sizeof migration_0017},
    {"0018_job_truth", migration_0018, sizeof migration_0018},
};

size_t afterthought_migration_count(void) { return sizeof migrations / sizeof migrations[0]; }

afterthought_asset afterthought_migration_at(size_t index) { return migrations[index]; }

static const unsigned char roles[] = {
#embed "../../sql/roles.sql"
};

afterthought_asset afterthought_roles_sql(void) { return (afterthought_asset){"roles", roles, sizeof roles}; }
