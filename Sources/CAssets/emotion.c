#include "emotion.h"

alignas(64) static const unsigned char weights[] = {
#embed "emotion/goemotions_ngrams.i8"
};

const void *emotion_weights(void) { return weights; }
size_t emotion_weights_bytes(void) { return sizeof weights; }
