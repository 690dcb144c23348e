// The weights of the emotion model, version 1, embedded in the binary; `bench fit emotion` refits them, see
// emotion/NOTICE.
#pragma once
#include <stddef.h>

// Bytes as EmotionModel reads them, aligned to 64.
const void *emotion_weights(void);
size_t emotion_weights_bytes(void);
