/// A page of metrics in Prometheus' text format, read strictly: anything that the format does not allow is an error.
package struct Exposition {
    package struct Sample: Equatable {
        package var name: String
        package var labels: [String: String]
        package var value: Double
    }

    package private(set) var samples: [Sample] = []
    /// The kind of each family.
    package private(set) var kinds: [String: String] = [:]

    /// Reads a page.
    ///
    /// - Throws: `TestSupportError` with the line that is wrong: no kind before it, a family that is torn apart, a
    ///   series told twice, or a histogram whose buckets shrink.
    package init(_ text: String) throws {
        guard text.isEmpty || text.hasSuffix("\n") else { throw TestSupportError("the last line is not ended") }
        var helped: Set<String> = []
        var current = ""
        var seen: Set<String> = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if line.hasPrefix("# HELP ") {
                guard words.count == 4, helped.insert(words[2]).inserted else { throw TestSupportError("\(line)") }
            } else if line.hasPrefix("# TYPE ") {
                guard words.count == 4, helped.contains(words[2]), kinds[words[2]] == nil,
                    ["counter", "gauge", "histogram"].contains(words[3])
                else { throw TestSupportError("\(line)") }
                current = words[2]
                kinds[current] = words[3]
            } else {
                let sample = try Self.sample(line)
                let suffixes = kinds[current] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
                guard suffixes.contains(where: { sample.name == current + $0 }),
                    seen.insert("\(sample.name) \(sample.labels.sorted { $0.key < $1.key })").inserted
                else { throw TestSupportError("\(line)") }
                samples.append(sample)
            }
        }
        try checkHistograms()
    }

    /// The value of a series; nil if there is none.
    package func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { $0.name == name && $0.labels == labels }?.value
    }

    /// All series that must only grow: counters, and what histograms count.
    package var growing: [String: Double] {
        var found: [String: Double] = [:]
        for sample in samples {
            let isOfHistogram = ["_bucket", "_count"].contains { suffix in
                sample.name.hasSuffix(suffix) && kinds[String(sample.name.dropLast(suffix.count))] == "histogram"
            }
            guard isOfHistogram || kinds[sample.name] == "counter" else { continue }
            found["\(sample.name) \(sample.labels.sorted { $0.key < $1.key })"] = sample.value
        }
        return found
    }

    private static func sample(_ line: Substring) throws -> Sample {
        let bad = TestSupportError("can't be read: \(line)")
        let name = line.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") }
        guard let first = name.first, !first.isNumber else { throw bad }
        var rest = line.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            repeat {
                rest = rest.dropFirst()
                let label = rest.prefix { $0 != "=" }
                rest = rest.dropFirst(label.count)
                guard rest.hasPrefix("=\"") else { throw bad }
                rest = rest.dropFirst(2)
                let value = try quoted(&rest, bad)
                guard labels.updateValue(value, forKey: String(label)) == nil else { throw bad }
            } while rest.first == ","
            guard rest.first == "}" else { throw bad }
            rest = rest.dropFirst()
        }
        guard rest.first == " " else { throw bad }
        let number = String(rest.dropFirst())
        guard let value = ["NaN": .nan, "+Inf": .infinity, "-Inf": -.infinity][number] ?? Double(number) else {
            throw bad
        }
        return Sample(name: String(name), labels: labels, value: value)
    }

    /// Reads up to the closing quote.
    private static func quoted(_ rest: inout Substring, _ bad: TestSupportError) throws -> String {
        var value = ""
        while let character = rest.popFirst() {
            if character == "\"" { return value }
            guard character == "\\" else {
                value.append(character)
                continue
            }
            guard let escaped = rest.popFirst(), let meant = ["\\": "\\", "n": "\n", "\"": "\""][escaped] else {
                throw bad
            }
            value += meant
        }
        throw bad
    }

    private func checkHistograms() throws {
        for (family, kind) in kinds where kind == "histogram" {
            var last: [String: Double] = [:]
            for sample in samples where sample.name == family + "_bucket" {
                let others = sample.labels.filter { $0.key != "le" }
                let key = "\(others.sorted { $0.key < $1.key })"
                guard sample.labels["le"] != nil, sample.value >= last[key] ?? 0 else {
                    throw TestSupportError("\(family): buckets shrink in \(key)")
                }
                last[key] = sample.value
                guard sample.labels["le"] == "+Inf" else { continue }
                guard value(family + "_count", others) == sample.value else {
                    throw TestSupportError("\(family): the last bucket of \(key) is not the count")
                }
            }
        }
    }
}
