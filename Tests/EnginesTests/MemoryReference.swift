import Foundation
import Testing

/// Review histories as the package `fsrs` 6.3.2 (open-spaced-repetition, MIT) computes them with its default
/// parameters; `Resources/make-fsrs-histories` wrote them and says what the columns are.
enum MemoryReference {
    struct History: Decodable, CustomTestStringConvertible {
        var seconds: [Double]
        var grades: [Int]
        var recall: [Double]
        var stability: [Double]
        var difficulty: [Double]

        var testDescription: String { "seconds \(seconds), grades \(grades)" }
    }

    static func histories() throws -> [History] {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Resources/fsrs_histories.jsonl")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").dropFirst()
        return try lines.map { try JSONDecoder().decode(History.self, from: Data($0.utf8)) }
    }
}
