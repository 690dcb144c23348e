import Bytes
import Engines
import Glibc
import Model
import Worker

/// Fits P(switch): `Sources/Engines/Topics/SwitchWeights.swift`.
///
/// Only on sets of licence class P: tiage (people's labels) for peers; sessions of longmemeval_sample and
/// conversations of byu_chitchat spliced together, with acknowledgements of clinc150, for a service. The register is
/// fitted to tell tiage and byu_chitchat from the sessions and from questions of clinc150 and banking77; its intercept
/// lets one message in twenty of the former pass as a service's. The threshold is where, cross-validated, as many
/// switches are found in tiage as people found.
enum SwitchFit: FitTask {
    static let name = "switch"
    static let path = "Sources/Engines/Topics/SwitchWeights.swift"
    private static let clinc = "clinc150/queries.csv.gz"
    private static let banking = "banking77/queries.csv"
    static let files = [Dialogues.tiage, Dialogues.byu, Dialogues.longMemEval, clinc, banking]
    private static let folds = 4
    private static let ridge = 2.0
    /// The register's: it tells sets apart so well that its weights would grow without bound.
    private static let registerRidge = 20.0
    /// Messages that each source of the register's counts as, times its weight.
    private static let registerMessages = 3000.0
    private static let byuConversations = 900
    private static let chatPassing = 0.05

    /// A message as the model sees it.
    struct Row {
        var inputs: [Double]
        var register: [Double]
        var isUser: Bool
        var opensTopic: Bool
        /// Whether the tracker would let a topic begin with it.
        var canOpenTopic: Bool
    }

    struct Source {
        var dialogues: [[Row]]
        var weight: Double
    }

    static func run(_ data: DataFolder) throws {
        var sources = try load(data)
        let tiage = sources.removeFirst()
        let shift = SwitchFeatures.names.firstIndex(of: "shift") ?? 0
        let service = { (peers: [Double]) in fit(Array(sources[..<3]), fixed: shift, to: peers[shift]) }
        let registerSources = [tiage] + sources[3...]

        // Cross-validated by dialogue: everything that saw tiage is fitted again without the fold.
        var probabilities = [[Double]](repeating: [], count: tiage.dialogues.count)
        for fold in 0..<folds {
            let kept = tiage.dialogues.enumerated().filter { $0.offset % folds != fold }.map { $0.element }
            let peers = fit([Source(dialogues: kept, weight: 1)])
            let register = SwitchRegister(
                chat: [Source(dialogues: kept, weight: 1), registerSources[1]],
                service: Array(registerSources[2...]), messages: registerMessages, ridge: registerRidge,
                passing: chatPassing)
            let weights = (peers, service(peers))
            for index in stride(from: fold, to: tiage.dialogues.count, by: folds) {
                probabilities[index] = probability(tiage.dialogues[index], weights.0, weights.1, register)
            }
        }
        let reference = tiage.dialogues.map { $0.enumerated().map { $0.offset > 0 && $0.element.opensTopic } }
        let threshold = threshold(probabilities, reference)
        let score = SegmentationScore(
            reference: reference, found: probabilities.map { found(in: $0, from: threshold) })
        progress("tiage, cross-validated: Pk \(Figure.text(score.pk)), F1 \(Figure.text(score.f1))")

        let peers = fit([tiage])
        let register = SwitchRegister(
            chat: Array(registerSources[..<2]), service: Array(registerSources[2...]), messages: registerMessages,
            ridge: registerRidge, passing: chatPassing)
        try writeFile(
            path,
            Array(SwitchWeightsText.text(threshold, service: service(peers), peers: peers, register).utf8))
        progress("wrote \(path)")
    }

    /// tiage, three of spliced dialogues, then for the register: chat, and three that sound like a service.
    private static func load(_ data: DataFolder) throws -> [Source] {
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        func source(_ dialogues: [Dialogue], _ weight: Double) -> Source {
            Source(dialogues: dialogues.map { rows($0, analyzer) }, weight: weight)
        }
        let queries = try [clinc, banking].flatMap { file in
            let table = try data.table(file)
            let columns = (try table.column("label"), try table.column("text"))
            return table.rows.map { (label: $0[columns.0], text: $0[columns.1]) }
        }
        let short = queries.filter { ["thank_you", "yes", "no", "maybe"].contains($0.label) }.map { $0.text }
        var splicer = SplicedDialogues(
            random: SeededRandom(seed: 7), acknowledgements: short.filter { $0.split(separator: " ").count <= 5 })
        let whole = try Dialogues.longMemEval(data).filter { $0.lines.count > 1 }
        let sessions = whole.map { session in
            Dialogue(
                id: session.id,
                lines: session.lines.map {
                    DialogueLine(role: $0.role, text: SplicedDialogues.beginning($0.text))
                })
        }
        let chats = try Dialogues.byu(data).filter { $0.lines.count > 3 }.shuffled(using: &splicer.random)
            .prefix(byuConversations)
        let spliced = (0..<3).flatMap { _ in
            splicer.spliced(sessions, lengths: 2...10, fromStart: true, acknowledging: true)
        }
        let starts = splicer.spliced(Array(chats), lengths: 3...10, fromStart: true, acknowledging: false)
        let middles = splicer.spliced(Array(chats), lengths: 3...10, fromStart: false, acknowledging: false)
        let answers = sessions.flatMap { $0.lines.filter { $0.role == .assistant }.map { $0.text } }
        let questions = splicer.questionsAndAnswers(queries.map { $0.text }, answers, count: 150)
        let service = source(spliced, 1)
        let chat = source(middles, 0.15)
        return [
            source(try Dialogues.tiage(data), 1), service, source(starts, 0.15), chat,
            Source(dialogues: chat.dialogues, weight: 0.3), Source(dialogues: service.dialogues, weight: 0.3),
            source(splicer.spliced(whole, lengths: 2...10, fromStart: true, acknowledging: false), 0.3),
            source(questions, 0.5),
        ]
    }

    private static func rows(_ dialogue: Dialogue, _ analyzer: TextAnalyzer) -> [Row] {
        var context = SwitchContext()
        var previous: PreviousMessage?
        let at = DialogueMoment.start
        return dialogue.lines.map { line in
            let analysis = analyzer.analyze(content: line.text)
            let features = context.observe(
                analysis, role: line.role, at: at, opensSession: false, previous: previous)
            previous = PreviousMessage(
                role: line.role, at: at, wordCount: analysis.wordCount, isQuestion: analysis.isQuestion)
            let inputs = features.inputs
            let register = features.registerInputs
            return Row(
                inputs: inputs.indices.map { inputs[$0] }, register: register.indices.map { register[$0] },
                isUser: features.isFromUser, opensTopic: line.opensTopic,
                canOpenTopic: SwitchContext.canOpenTopic(analysis))
        }
    }

    /// The coefficients of all messages but each dialogue's first; one of them may be given.
    private static func fit(_ sources: [Source], fixed: Int? = nil, to value: Double = 0) -> [Double] {
        var problem = RidgeLogistic()
        for source in sources {
            for row in source.dialogues.flatMap({ $0.dropFirst() }) {
                var inputs = row.inputs
                let offset = fixed.map { value * inputs[$0] } ?? 0
                if let fixed { inputs[fixed] = 0 }
                problem.add(inputs, outcome: row.opensTopic, weight: source.weight, offset: offset)
            }
        }
        var coefficients = problem.fitted(ridge: ridge)
        if let fixed { coefficients[fixed] = value }
        return coefficients
    }

    /// P(switch) of each message; 0 where no topic can begin.
    private static func probability(
        _ rows: [Row], _ peers: [Double], _ service: [Double], _ register: SwitchRegister
    ) -> [Double] {
        func sigmoid(_ weights: [Double], _ inputs: [Double]) -> Double {
            1 / (1 + exp(-zip(weights, inputs).reduce(0) { $0 + $1.0 * $1.1 }))
        }
        return zip(rows, register.logits(rows)).map { row, logit in
            guard row.canOpenTopic else { return 0 }
            let gate = 1 / (1 + exp(-logit))
            return gate * sigmoid(service, row.inputs) + (1 - gate) * sigmoid(peers, row.inputs)
        }
    }

    private static func found(in probabilities: [Double], from threshold: Double) -> [Bool] {
        probabilities.enumerated().map { $0.offset > 0 && $0.element >= threshold }
    }

    /// The least hundredth from which on no more boundaries are found than there are.
    private static func threshold(_ probabilities: [[Double]], _ reference: [[Bool]]) -> Double {
        let actual = reference.reduce(0) { $0 + $1.count { $0 } }
        for percent in 1..<100 {
            let threshold = Double(percent) / 100
            let count = probabilities.reduce(0) { $0 + found(in: $1, from: threshold).count { $0 } }
            if count <= actual { return threshold }
        }
        return 1
    }
}
