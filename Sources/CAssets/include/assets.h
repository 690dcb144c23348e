// Files embedded in the binary with C23 #embed, and one accessor pair for each.
#pragma once
#include <stddef.h>
