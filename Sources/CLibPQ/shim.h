// libpq's own header, and nothing of ours: features newer than version 14 are guarded by LIBPQ_HAS_ macros.
#include <libpq-fe.h>
