import CAssets

/// The sentence-embedding table that ships with the binary, as it lies in its constant data.
@safe
package struct EmbeddingAsset: @unchecked Sendable {
    // @unchecked because the buffers are constants of the binary.
    /// Signed bytes, row major, 256 a row.
    package let rows: UnsafeRawBufferPointer
    /// One little-endian float32 a row.
    package let scales: UnsafeRawBufferPointer
    /// One piece a line, UTF-8.
    package let vocabulary: UnsafeRawBufferPointer

    /// The table of this build.
    // Safe because the C side gives constant arrays with their lengths, which live as long as the process.
    package static let shipped = unsafe EmbeddingAsset(
        rows: UnsafeRawBufferPointer(start: embedding_rows(), count: embedding_rows_bytes()),
        scales: UnsafeRawBufferPointer(start: embedding_scales(), count: embedding_scales_bytes()),
        vocabulary: UnsafeRawBufferPointer(start: embedding_vocabulary(), count: embedding_vocabulary_bytes()))
}
