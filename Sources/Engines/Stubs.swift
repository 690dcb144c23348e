import Bytes
import Model
package struct PersonalityEvolutionEngine: Engine {
    package static let name = EngineName.personalityEvolution
    package init() {}
    package mutating func apply(_ observation: Observation) {}
    package func contribute(to row: inout StrategicRow, topics: TopicTracker) {}
    package func encode(into writer: inout StateWriter) {}
    package init(from reader: inout StateReader) throws(StateError) {}
}
package struct ProactiveEngagementEngine: Engine {
    package static let name = EngineName.proactiveEngagement
    package init() {}
    package mutating func apply(_ observation: Observation) {}
    package func contribute(to row: inout StrategicRow, topics: TopicTracker) {}
    package func encode(into writer: inout StateWriter) {}
    package init(from reader: inout StateReader) throws(StateError) {}
}
package struct TextAnalyzer: Sendable {
    package init(table: EmbeddingTable?, dimensions: Int = 64) {}
    package func analyze(content: String, suppliedEmotion: [(label: String, score: Double)]?, suppliedEmbedding: [Float]?) -> MessageAnalysis {
        var a = MessageAnalysis(); a.wordCount = content.split(separator: " ").count; return a
    }
}
