// The sample conversations, embedded with C23 #embed; sample/README.md says where they come from.
#pragma once
#include "migrations.h"

/// CSV of messages, UTF-8.
afterthought_asset afterthought_sample_csv(void);
