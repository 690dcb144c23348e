import CAssets

/// The weights of the emotion model that ships with the binary, as they lie in its constant data.
package enum EmotionAsset {
    package static var byteCount: Int { emotion_weights_bytes() }

    /// What `EmotionModel` reads.
    // Safe because the C side gives a constant array with its length, which lives as long as the process.
    package static var weights: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: emotion_weights(), count: emotion_weights_bytes())
    }
}
