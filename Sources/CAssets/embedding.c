#include "embedding.h"

alignas(64) static const unsigned char rows[] = {
#embed "embedding/chat_static_256.i8"
};

alignas(64) static const unsigned char scales[] = {
#embed "embedding/chat_static_256.scale.f32"
};

static const unsigned char vocabulary[] = {
#embed "embedding/chat_static_256.vocab.txt"
};

const void *embedding_rows(void) { return rows; }
size_t embedding_rows_bytes(void) { return sizeof rows; }
const void *embedding_scales(void) { return scales; }
size_t embedding_scales_bytes(void) { return sizeof scales; }
const void *embedding_vocabulary(void) { return vocabulary; }
size_t embedding_vocabulary_bytes(void) { return sizeof vocabulary; }
