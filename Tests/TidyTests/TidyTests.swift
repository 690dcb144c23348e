import Foundation
import Testing

@Suite("Tidy")
struct TidyTests {
    /// What each target may import: the arrows of the design, downward only.
    private static let arrows: [String: Set<String>] = [
        "Bytes": [],
        "Model": ["Bytes"],
        "Engines": ["Model", "Bytes"],
        "Postgres": ["CLibPQ", "Bytes"],
        "Store": ["Postgres", "Model", "Bytes", "CAssets"],
        "StrategicCache": ["Postgres", "Model", "Bytes"],
        "Worker": ["Store", "Engines", "Postgres", "Model", "Bytes"],
        "Learning": ["Engines", "Model", "Bytes"],
        "Jobs": ["Store", "Learning", "Engines", "Postgres", "Model", "Bytes"],
        // The seams that it fills are of Jobs and Learning; its ledger is of Store.
        "LanguageModel": ["CCurl", "Jobs", "Store", "Learning", "Postgres", "Bytes"],
        // What it needs of Worker and Jobs it is handed as closures.
        "Operations": ["Store", "Postgres", "Model", "Bytes"],
        "afterthought": [
            "Operations", "Worker", "LanguageModel", "Jobs", "Store", "StrategicCache", "Learning", "Engines",
            "Postgres", "Model", "Bytes",
        ],
        "bench": [
            "CLibPQ", "Worker", "Jobs", "Store", "StrategicCache", "Learning", "Engines", "Postgres", "Model", "Bytes",
        ],
    ]
    private static let systemModules: Set<String> = ["Glibc", "Synchronization"]

    /// Modules that a line imports.
    private static func imported(_ line: Substring) -> String? {
        var words = line.split(separator: " ").map(String.init)
        while let first = words.first,
            first.hasPrefix("@") || ["public", "package", "internal", "private", "fileprivate"].contains(first)
        {
            words.removeFirst()
        }
        guard words.first == "import", words.count > 1 else { return nil }
        let kinds: Set = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        let name = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
        return name.split(separator: ".").first.map(String.init)
    }

    @Test func importsFollowTheArrows() {
        #expect(SourceTree.shipped.count > 20)
        for file in SourceTree.shipped {
            guard let allowed = Self.arrows[file.target] else {
                Issue.record("\(file): expected a target of the design, got: \(file.target)")
                continue
            }
            for (index, line) in file.lines.enumerated() {
                guard let module = Self.imported(line) else { continue }
                let isAllowed = allowed.contains(module) || Self.systemModules.contains(module)
                #expect(isAllowed, "\(file):\(index + 1): \(file.target) imports \(module)")
            }
        }
    }

    @Test func theReaderOfImportsSeesEveryForm() {
        #expect(Self.imported("import Foundation") == "Foundation")
        #expect(Self.imported("@testable import Store") == "Store")
        #expect(Self.imported("package import Postgres") == "Postgres")
        #expect(Self.imported("@preconcurrency import struct Foundation.Date") == "Foundation")
        #expect(Self.imported("let important = 1") == nil)
    }

    @Test func noFileIsLong() {
        let linesMax = 400
        for file in SourceTree.swift {
            let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
            #expect(count <= linesMax, "\(file) has \(count) lines, more than \(linesMax)")
        }
    }

    @Test func noFunctionIsLong() {
        let linesMax = 70
        var seen = 0
        for file in SourceTree.swift {
            for function in SwiftOutline(file.text).functions {
                seen += 1
                #expect(function.length <= linesMax, "\(file):\(function.line) takes \(function.length) lines")
            }
        }
        #expect(seen > 100)
    }

    @Test func functionsAreMeasuredRightly() {
        let source = """
            struct A {
                @inline(__always) package static func one<T>(_ a: T = { }()) -> Int {
                    let text = "} \\(b { "}" }) {"  // }
                    /* { */ return 1
                }
                init() {}
                var b: Int { 3 }
            }
            protocol P {
                func none()
                func neither() -> Int
            }
            let x = A.init(
                { _ in })
            """
        #expect(
            SwiftOutline(source).functions == [
                SwiftOutline.Function(line: 2, length: 4), SwiftOutline.Function(line: 6, length: 1),
            ])
    }

    @Test func noLineIsWide() {
        let columnsMax = 120
        for file in SourceTree.written {
            for (index, line) in file.lines.enumerated() where line.count > columnsMax {
                Issue.record("\(file):\(index + 1) has \(line.count) columns, more than \(columnsMax)")
            }
        }
    }

    @Test func everyMigrationIsEmbedded() throws {
        let folder = SourceTree.root.appendingPathComponent("sql/migrations")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        let list = try String(
            contentsOf: SourceTree.root.appendingPathComponent("Sources/CAssets/migrations.c"), encoding: .utf8)
        #expect(!names.isEmpty)
        var place = list.startIndex
        for name in names {
            let parts = name.split(separator: "_", maxSplits: 1)
            #expect(
                parts.count == 2 && parts[0].count == 4 && Int(parts[0]) != nil && name.hasSuffix(".sql"), "\(name)")
            #expect(list.contains("#embed \"../../sql/migrations/\(name)\""), "\(name) is not embedded")
            let entry = list.range(of: "{\"\(name.dropLast(4))\", migration_\(parts[0]),", range: place..<list.endIndex)
            #expect(entry != nil, "\(name) is not in the list, or not in order")
            place = entry?.upperBound ?? place
        }
        #expect(list.components(separatedBy: "sql/migrations/").count - 1 == names.count)
    }

    @Test func everyMigrationSaysWhatItDoes() {
        for file in SourceTree.files(["sql/migrations"], ["sql"]) {
            for heading in ["-- Purpose: ", "-- Locks: ", "-- Online: "] {
                #expect(file.lines.prefix(8).contains { $0.hasPrefix(heading) }, "\(file) has no line `\(heading)`")
            }
        }
    }

    @Test func noPathOfOneMachineIsWrittenDown() {
        // Taken apart, so that this file does not hold them.
        let roots = ["work", "home", "root", "Users"].map { "/" + $0 + "/" }
        for file in SourceTree.written {
            for (index, line) in file.lines.enumerated() {
                for root in roots where line.contains(root) { Issue.record("\(file):\(index + 1) names \(root)…") }
            }
        }
    }

    @Test func everyUncheckedClaimSaysWhy() {
        let claims = ["@unchecked " + "Sendable", "nonisolated" + "(unsafe)"]
        for file in SourceTree.swift {
            let lines = file.lines
            for (index, line) in lines.enumerated() where claims.contains(where: { line.contains($0) }) {
                let near = lines[max(0, index - 4)...min(lines.count - 1, index + 2)]
                let explains = near.contains { line in
                    guard let comment = line.range(of: "//") else { return false }
                    return line[comment.lowerBound...].lowercased().contains("because")
                }
                #expect(explains, "\(file):\(index + 1) has no comment with its \"because\"")
            }
        }
    }

    @Test func theReadmeShowsTheExampleThatCompiles() throws {
        func text(_ path: String) throws -> String {
            try String(contentsOf: SourceTree.root.appending(path: path), encoding: .utf8)
        }
        let example = try text("Tests/Example/main.swift")
        let readme = try text("README.md")
        #expect(readme.contains("```swift\n\(example)```"))
    }
}
