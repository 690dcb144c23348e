import Engines
import Store

extension TextAnalyzer {
    /// The analysis with the embedding table that ships with the binary.
    ///
    /// - Parameter dimensions: 64, 128 or 256.
    /// - Returns: an analyzer to share: it is immutable, and its table takes some milliseconds to index.
    package static func shipped(dimensions: Int) -> TextAnalyzer {
        let asset = EmbeddingAsset.shipped
        // A fault here is one of the build: the asset is part of the binary.
        guard
            let table = try? unsafe EmbeddingTable(
                rows: asset.rows, scales: asset.scales, vocabulary: asset.vocabulary)
        else { preconditionFailure("expected the embedded table to be whole") }
        return TextAnalyzer(table: table, dimensions: dimensions)
    }
}
