import Engines
import Worker

/// The shipped embedding table: parity with the vectors that came with it, and speed.
///
/// Parity is the largest difference of any number of any text's vector; the texts and vectors are the set's own.
enum EmbeddingQuality: QualityTask {
    static let name = "embedding"
    private static let vectors = "static_embeddings/chat_static_256.test.jsonl"
    private static let comments = "goemotions/comments.csv.gz"
    static let files = [vectors, comments]

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let wide = TextAnalyzer.shipped(dimensions: 256)
        var difference = 0.0
        var texts = 0
        for line in try data.lines(vectors) {
            let text = try line.member("text").string ?? ""
            let expected = try line.numbers("vector")
            let analysis = wide.analyze(content: text)
            // Of other scripts the table knows nothing, and the analysis hashes instead.
            guard analysis.embeddingSource != .hashed else { continue }
            texts += 1
            for (one, other) in zip(analysis.embedding, expected) {
                difference = max(difference, abs(Double(one) - other))
            }
        }
        report.add("parity-difference-max-millionths", difference * 1e6, .atMost(2))
        report.note("parity_texts", .count(texts))

        let table = try data.table(comments)
        let column = try table.column("text")
        let messages = table.rows.prefix(20_000).map { $0[column] }
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        var rates: [Double] = []
        for _ in 0..<25 {
            let start = Machine.threadNanoseconds()
            var kept: Float = 0
            for message in messages { kept += analyzer.analyze(content: message).embedding[0] }
            precondition(kept.isFinite)
            rates.append(Double(messages.count) * 1e9 / Double(Machine.threadNanoseconds() - start))
        }
        report.add("analyses-a-second-a-core", median(rates), .atLeast(150_000))
    }
}
