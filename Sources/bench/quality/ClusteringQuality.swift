import Bytes
import Engines
import Glibc
import Learning
import Worker

/// Clusters of short texts against what people call their intents, beside scikit-learn's k-means on the same vectors.
///
/// NMI and ARI, mean over seeds, with as many clusters as there are labels, and with as many as the silhouette says;
/// texts out of scope are left out. The baseline is run here and now, once as it comes (one beginning a seed) and once
/// with ten beginnings.
enum ClusteringQuality: QualityTask {
    static let name = "clustering"
    static let files = sets.map(\.file)
    private static let sets = [
        (name: "banking77", file: "banking77/queries.csv"), (name: "clinc150", file: "clinc150/queries.csv.gz"),
    ]
    private static let seeds = 5

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        let folder = "/tmp/afterthought-quality-\(getpid())"
        try Child.run(["/bin/mkdir", "-p", "--", folder])
        defer { try? Child.run(["/bin/rm", "-rf", "--", folder]) }
        let baseline = KMeansBaseline(folder: folder)
        let analyzer = TextAnalyzer.shipped(dimensions: 256)
        for set in sets {
            let texts = try Texts(try data.table(set.file), analyzer)
            report.note("\(set.name)_texts", .count(texts.labels.count))
            try measure(set.name, texts, baseline, &report)
        }
    }

    /// The texts of a set as vectors, with their labels as numbers.
    private struct Texts {
        var vectors = UnitVectors()
        var labels: [Int] = []
        var labelCount = 0
        var keys: [UInt64] = []

        init(_ table: DataTable, _ analyzer: TextAnalyzer) throws {
            let text = try table.column("text")
            let label = try table.column("label")
            let id = try table.column("id")
            var numbers: [String: Int] = [:]
            for row in table.rows where row[label] != "oos" {
                let embedding = analyzer.analyze(content: row[text]).embedding
                guard vectors.append(directionOf: embedding.map { Int32(($0 * 32_767).rounded()) }) else { continue }
                let next = numbers.count
                labels.append(numbers[row[label], default: next])
                if numbers[row[label]] == nil { numbers[row[label]] = next }
                keys.append(StableHash.hash(row[id]))
            }
            labelCount = numbers.count
        }
    }

    private static func measure(
        _ name: String, _ texts: Texts, _ baseline: KMeansBaseline?, _ report: inout QualityReport
    ) throws {
        let clustering = Clustering(vectors: texts.vectors, keys: texts.keys)
        var given: [ClusterAgreement] = []
        var found: [ClusterAgreement] = []
        var counts: [Double] = []
        for seed in 1...UInt64(seeds) {
            let asLabels = clustering.clusters(texts.labelCount, seed: seed) { _ in }
            given.append(ClusterAgreement(texts.labels, asLabels.assignments.map(Int.init)))
            let start = Machine.threadNanoseconds()
            let chosen = clustering.clusters(seed: seed) { _ in }
            let seconds = Double(Machine.threadNanoseconds() - start) / 1e9
            report.note("\(name)_seconds_seed_\(seed)", .number(seconds))
            report.note("\(name)_silhouettes_seed_\(seed)", .numbers(chosen.trials.map(\.silhouette)))
            found.append(ClusterAgreement(texts.labels, chosen.assignments.map(Int.init)))
            counts.append(Double(chosen.count))
        }
        try compare("\(name)", given, texts, texts.labelCount, baseline, &report)
        report.add("\(name)-clusters-chosen", median(counts), baseline: ("labels", Double(texts.labelCount)))
        report.note("\(name)_clusters_chosen", .numbers(counts))
        try compare("\(name)-chosen", found, texts, Int(median(counts)), baseline, &report)
    }

    private static func compare(
        _ name: String, _ ours: [ClusterAgreement], _ texts: Texts, _ count: Int, _ baseline: KMeansBaseline?,
        _ report: inout QualityReport
    ) throws {
        let information = Metrics.mean(ours.map(\.information))
        let rand = Metrics.mean(ours.map(\.rand))
        guard let baseline else {
            report.add("\(name)-nmi", information)
            report.add("\(name)-ari", rand)
            report.note("\(name)_baseline", .text("no baseline: scikit-learn was not found"))
            return
        }
        for (starts, seeds) in [(1, Self.seeds), (10, 2)] {
            let theirs = try baseline.clusters(texts.vectors, count: count, starts: starts, seeds: seeds)
                .map { ClusterAgreement(texts.labels, $0) }
            let label = "sklearn_n_init_\(starts)"
            let theirInformation = Metrics.mean(theirs.map(\.information))
            let theirRand = Metrics.mean(theirs.map(\.rand))
            let suffix = starts == 1 ? "" : "-\(starts)-starts"
            report.add(
                "\(name)-nmi\(suffix)", information, baseline: (label, theirInformation), .atLeast(theirInformation))
            report.add("\(name)-ari\(suffix)", rand, baseline: (label, theirRand), .atLeast(theirRand))
        }
    }
}
