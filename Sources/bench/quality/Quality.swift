/// Measures the engines on labelled data that nobody here wrote: a line a figure, beside the naive baseline.
///
/// Each task reads the sets it names from a folder laid out as its sets' READMEs say; the same program runs on any
/// other folder of that layout. Nothing is fitted here but what a task says it fits, on data it says it fits on.
struct Quality {
    static let usage = """
        usage: bench quality [--data FOLDER] [--output FOLDER] [--readme FILE] [TASK …]

        Prints `task metric value baseline goal PASS|FAIL`, a line a figure, and writes FOLDER/<task>.json
        (default .build/quality). Data is read from FOLDER (default ../shared/data). A goal that is missed does not
        change the exit status; data that is missing does (66), after all other tasks ran.
        --readme replaces the table between the marks `<!-- quality -->` and `<!-- /quality -->` of a file.

        tasks: \(tasks.map { $0.name }.joined(separator: ", ")) (default: all)
        """

    static var tasks: [any QualityTask.Type] {
        [
            EmbeddingQuality.self, SegmentationQuality.self, SwitchLikelihoodQuality.self,
            ForgettingCurveQuality.self, RetrievalTrendQuality.self, ReMentionQuality.self, PersonalityQuality.self,
            EmotionQuality.self, DialogueActsQuality.self, StyleQuality.self, ReplyLengthQuality.self,
            AnomalyQuality.self, ChangePointQuality.self, CharacterRateQuality.self, PoorTurnQuality.self,
            EngagementQuality.self, ClusteringQuality.self, ExperimentQuality.self, AdapterQuality.self,
        ]
    }

    /// Runs `bench quality` with these arguments.
    ///
    /// - Returns: the exit status: 0, 64 for arguments, 66 for missing data.
    static func main(_ arguments: [String]) throws -> Int32 {
        var arguments = arguments
        var data = DataFolder(path: "../shared/data")
        var output = ".build/quality"
        var readme: String?
        var chosen: [any QualityTask.Type] = []
        while !arguments.isEmpty {
            let argument = arguments.removeFirst()
            switch argument {
            case "--data" where !arguments.isEmpty: data = DataFolder(path: arguments.removeFirst())
            case "--output" where !arguments.isEmpty: output = arguments.removeFirst()
            case "--readme" where !arguments.isEmpty: readme = arguments.removeFirst()
            case "--help":
                say(usage)
                return 0
            default:
                guard let task = tasks.first(where: { $0.name == argument }) else {
                    warn("expected a task or an option, got: \(argument)\n\(usage)")
                    return 64
                }
                chosen.append(task)
            }
        }
        try Child.run(["/bin/mkdir", "-p", "--", output])
        var reports: [QualityReport] = []
        var missing: [String] = []
        for task in chosen.isEmpty ? tasks : chosen {
            let lacking = task.files.filter { !data.has($0) }
            if !lacking.isEmpty {
                for file in lacking { warn("\(task.name): expected \(data.path)/\(file), got: no such file") }
                missing.append(task.name)
                continue
            }
            progress("quality \(task.name)")
            let start = Machine.nanoseconds()
            var report = QualityReport(task: task.name)
            try task.run(data, &report)
            report.seconds = Double(Machine.nanoseconds() - start) / 1e9
            try report.write(into: output)
            for figure in report.figures { say("\(task.name) \(figure.line)") }
            reports.append(report)
        }
        if let readme, missing.isEmpty, chosen.isEmpty {
            try QualityTable.update(readme, reports)
            progress("the table in \(readme) is up to date")
        }
        guard missing.isEmpty else {
            warn(
                "not measured, because data is missing: \(missing.joined(separator: ", "))\n"
                    + "hint: name the folder of the labelled sets with --data FOLDER")
            return 66
        }
        return 0
    }
}

/// What measures one thing on labelled data.
protocol QualityTask {
    static var name: String { get }
    /// Files below the data folder that it needs.
    static var files: [String] { get }
    static func run(_ data: DataFolder, _ report: inout QualityReport) throws
}
