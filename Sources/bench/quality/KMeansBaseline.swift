import Glibc
import Learning

/// scikit-learn's k-means on the same vectors, run by Python beside this program.
///
/// Python is `$PYTHON`, else `python3`. Without scikit-learn there is no baseline, and it is said how to get it; no
/// figure of another run ever stands in for it.
struct KMeansBaseline {
    private let python: String
    private let folder: String

    /// Looks for Python with scikit-learn; nil, with a word on standard error, if there is none.
    init?(folder: String) {
        python = unsafe getenv("PYTHON").map { unsafe String(cString: $0) } ?? "python3"
        self.folder = folder
        guard !python.contains("'"), !folder.contains("'"),
            let answer = try? Self.output("'\(python)' -c 'import sklearn; print(sklearn.__version__)' 2>&1"),
            answer.first?.allSatisfy({ $0.isNumber || $0 == "." }) == true
        else {
            warn(
                "clustering: expected \(python) with scikit-learn, got: none; there is no baseline to compare with\n"
                    + "hint: python3 -m venv v && v/bin/pip install scikit-learn && PYTHON=v/bin/python bench quality "
                    + "clustering")
            return nil
        }
    }

    private static let script = """
        from sys import argv
        from numpy import fromfile
        from sklearn.cluster import KMeans
        vectors = fromfile(argv[1], "<i2").reshape(-1, 256) / 32767.0
        for seed in range(int(argv[4])):
            model = KMeans(int(argv[2]), n_init=int(argv[3]), random_state=seed).fit(vectors)
            print(*model.labels_)
        """

    /// The clusters that it finds, a list for each seed.
    ///
    /// - Parameters:
    ///   - vectors: the rows.
    ///   - count: the number of clusters.
    ///   - starts: of how many beginnings the best is kept (`n_init`).
    ///   - seeds: how many seeds.
    /// - Returns: the cluster of each row, for each seed.
    /// - Throws: `BenchError` when Python fails.
    func clusters(_ vectors: UnitVectors, count: Int, starts: Int, seeds: Int) throws -> [[Int]] {
        let file = "\(folder)/vectors.i2"
        let program = "\(folder)/k_means.py"
        var bytes: [UInt8] = []
        bytes.reserveCapacity(vectors.cells.count * 2)
        for cell in vectors.cells {
            let bits = UInt16(bitPattern: cell)
            bytes.append(UInt8(truncatingIfNeeded: bits))
            bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
        }
        try writeFile(file, bytes)
        try writeFile(program, Array(Self.script.utf8))
        let lines = try Self.output("'\(python)' '\(program)' '\(file)' \(count) \(starts) \(seeds)")
        let labels = lines.map { $0.split(separator: " ").compactMap { Int($0) } }.filter { !$0.isEmpty }
        guard labels.count == seeds, labels.allSatisfy({ $0.count == vectors.count }) else {
            throw BenchError("expected \(seeds) lists of \(vectors.count) labels from \(python), got: something else")
        }
        return labels
    }

    /// The lines that a command prints.
    private static func output(_ command: String) throws -> [String] {
        guard let stream = unsafe popen(command, "r") else {
            throw BenchError("expected a shell to start, got: error \(errno)")
        }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe fread(&piece, 1, piece.count, stream)
            if count == 0 { break }
            bytes += piece[..<count]
        }
        guard unsafe pclose(stream) == 0 else { throw BenchError("expected a program to succeed, got: a failure") }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
