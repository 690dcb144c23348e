// The dashboard, embedded with C23 #embed; the program puts its parts together to one page.
#pragma once
#include "migrations.h"

/// How many parts the page has: the markup first, then styles (.css) and scripts (.js) in the order of their use.
size_t afterthought_page_part_count(void);

/// The part at a place below the count.
afterthought_asset afterthought_page_part_at(size_t index);
