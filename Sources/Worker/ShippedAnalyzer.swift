import Engines
import Store

extension TextAnalyzer {
    /// The analysis with the embedding table and the emotion model that ship with the binary.
    ///
    /// - Parameter dimensions: 64, 128 or 256.
    /// - Returns: an analyzer to share: it is immutable, and its table takes some milliseconds to index.
    package static func shipped(dimensions: Int) -> TextAnalyzer {
        guard let emotions = try? unsafe EmotionModel(EmotionAsset.weights) else {
            preconditionFailure("expected the embedded weights of emotions to be whole")
        }
        return TextAnalyzer(table: shippedTable, emotions: emotions, dimensions: dimensions)
    }

    /// The analysis with the embedding table alone: what models are measured against.
    package static func shippedWithoutModels(dimensions: Int) -> TextAnalyzer {
        TextAnalyzer(table: shippedTable, dimensions: dimensions)
    }

    private static var shippedTable: EmbeddingTable {
        let asset = EmbeddingAsset.shipped
        // A fault here is one of the build: the asset is part of the binary.
        guard
            let table = try? unsafe EmbeddingTable(
                rows: asset.rows, scales: asset.scales, vocabulary: asset.vocabulary)
        else { preconditionFailure("expected the embedded table to be whole") }
        return table
    }
}
