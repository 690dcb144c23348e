// The sentence-embedding table chat_static_256, embedded in the binary; see embedding/NOTICE.
#pragma once
#include <stddef.h>

// 29,524 rows of 256 signed bytes, row major, aligned to 64 bytes.
const void *embedding_rows(void);
size_t embedding_rows_bytes(void);

// One little-endian float32 a row: the value of a cell is its byte times this.
const void *embedding_scales(void);
size_t embedding_scales_bytes(void);

// One piece a line, UTF-8, LF; line n names row n.
const void *embedding_vocabulary(void);
size_t embedding_vocabulary_bytes(void);
