import Foundation

/// The files of this package, as text.
enum SourceTree {
    /// The package's folder.
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// One file.
    struct File: Sendable, CustomStringConvertible {
        /// Relative to the package's folder.
        let path: String
        let text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        var description: String { path }

        /// The target a file below `Sources` belongs to.
        var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
    }

    /// All files below some folders that have one of some endings.
    static func files(_ folders: [String], _ endings: [String]) -> [File] {
        folders.flatMap { folder -> [File] in
            let start = root.appendingPathComponent(folder)
            let walker = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil)
            let found = (walker?.allObjects as? [URL] ?? []).filter { endings.contains($0.pathExtension) }
            return found.sorted { $0.path < $1.path }.compactMap { url in
                guard let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }
                return File(path: String(url.path.dropFirst(root.path.count + 1)), text: text)
            }
        }
    }

    static let shipped = files(["Sources"], ["swift"])
    static let swift = files(["Sources", "Tests"], ["swift"])
    static let written = files(["Sources", "Tests", "sql"], ["swift", "c", "h", "sql"])
}

/// Swift source with the contents of comments and string literals blanked out, line by line.
struct SwiftOutline {
    let lines: [String]

    init(_ text: String) {
        var out = ""
        var rest = Substring(text)
        while let character = rest.first {
            if rest.hasPrefix("//") {
                rest = rest.drop { $0 != "\n" }
            } else if rest.hasPrefix("/*") {
                Self.skipBlockComment(&rest, &out)
            } else if character == "\"" || character == "#" {
                Self.skipLiteral(&rest, &out)
            } else {
                out.append(character)
                rest.removeFirst()
            }
        }
        lines = out.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private static func skipBlockComment(_ rest: inout Substring, _ out: inout String) {
        var depth = 0
        repeat {
            if rest.hasPrefix("/*") {
                depth += 1
                rest = rest.dropFirst(2)
            } else if rest.hasPrefix("*/") {
                depth -= 1
                rest = rest.dropFirst(2)
            } else if let character = rest.popFirst(), character == "\n" {
                out.append("\n")
            }
        } while depth > 0 && !rest.isEmpty
    }

    /// Passes over a string literal of any form, its interpolations included; a `#` that starts none is kept.
    private static func skipLiteral(_ rest: inout Substring, _ out: inout String) {
        let hashes = rest.prefix { $0 == "#" }
        let after = rest.dropFirst(hashes.count)
        guard after.first == "\"" else {
            out += hashes
            rest = after
            return
        }
        let quotes = after.hasPrefix("\"\"\"") ? "\"\"\"" : "\""
        let end = quotes + hashes
        let escape = "\\" + hashes
        rest = after.dropFirst(quotes.count)
        while !rest.isEmpty, !rest.hasPrefix(end) {
            if rest.hasPrefix(escape + "(") {
                rest = rest.dropFirst(escape.count + 1)
                skipInterpolation(&rest, &out)
            } else if rest.hasPrefix(escape) {
                rest = rest.dropFirst(escape.count + 1)
            } else if rest.removeFirst() == "\n" {
                out.append("\n")
            }
        }
        rest = rest.dropFirst(end.count)
    }

    private static func skipInterpolation(_ rest: inout Substring, _ out: inout String) {
        var depth = 1
        while depth > 0, let character = rest.first {
            if character == "\"" {
                skipLiteral(&rest, &out)
                continue
            }
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == "\n" { out.append("\n") }
            rest.removeFirst()
        }
    }

    /// A function's first line, from 1, and how many lines its body takes, its braces included.
    struct Function: Equatable {
        var line: Int
        var length: Int
    }

    /// Functions, initialisers and accessors with a name; what is nested counts for both.
    var functions: [Function] {
        var found: [Function] = []
        for (index, line) in lines.enumerated() where Self.startsFunction(line) {
            if let end = bodyEnd(from: index) { found.append(Function(line: index + 1, length: end - index + 1)) }
        }
        return found
    }

    private static func startsFunction(_ line: String) -> Bool {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "(" || $0 == "<" || $0 == "?" })
        guard let first = words.firstIndex(where: { ["func", "init", "deinit", "subscript"].contains($0) }) else {
            return false
        }
        // Before it stand only modifiers and attributes, so a call of `.init` or a name is none.
        return words[..<first].allSatisfy { word in
            word.hasPrefix("@") || word.hasSuffix(")") || word.hasSuffix(":") || modifiers.contains(String(word))
        }
    }

    private static let modifiers: Set<String> = [
        "public", "package", "internal", "fileprivate", "private", "static", "class", "mutating", "nonmutating",
        "consuming", "borrowing", "nonisolated", "isolated", "override", "required", "convenience", "final", "prefix",
        "infix", "postfix", "copy", "self", "borrow", "inline", "__always", "never",
    ]

    /// The line on which the braces that open first, at or after a line, are closed; nil: a requirement without a body.
    private func bodyEnd(from start: Int) -> Int? {
        var depth = 0
        var parentheses = 0
        var opened = false
        for index in start..<lines.count {
            for character in lines[index] {
                switch character {
                case "(": parentheses += 1
                case ")": parentheses -= 1
                case "{" where parentheses == 0 || opened:
                    depth += 1
                    opened = true
                case "}" where opened: depth -= 1
                // The type around it ends first: a protocol's requirement.
                case "}" where parentheses == 0: return nil
                default: break
                }
                if opened, depth == 0 { return index }
            }
            if !opened, parentheses == 0, index + 1 < lines.count, Self.startsFunction(lines[index + 1]) { return nil }
        }
        return nil
    }
}
