// The SQL files of sql/, embedded with C23 #embed.
#pragma once
#include <stddef.h>

/// An embedded file; the bytes live as long as the process and are not zero-terminated.
typedef struct {
    const char *name;
    const unsigned char *bytes;
    size_t count;
} afterthought_asset;

/// How many migrations are embedded.
size_t afterthought_migration_count(void);

/// The migration at a place below the count, in order of version; its name is the file's, without ".sql".
afterthought_asset afterthought_migration_at(size_t index);

/// sql/roles.sql, which is applied on demand and may be applied again.
afterthought_asset afterthought_roles_sql(void);
