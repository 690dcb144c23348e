#include "afterthought_reader.h"

/* The functions are in the target ReaderABI, whose compiler checks them against the header. */
_Static_assert(sizeof(afterthought_reading) == 40, "a struct of the ABI only grows at its end, by a version");
_Static_assert(offsetof(afterthought_reading, json_bytes) == 32, "a struct of the ABI never moves its members");
