import Engines
import Worker

/// Context switches against labelled dialogues: the worker's own tracker, one configuration for all sets.
///
/// Of sgd the dialogues with several services count. tiage is what the weights were partly fitted on (its
/// development half); dialseg711 and sgd were never fitted on.
enum SegmentationQuality: QualityTask {
    static let name = "segmentation"
    static let files = [Dialogues.dialseg711, Dialogues.tiage, Dialogues.sgd, Dialogues.qmsum]
    private static let randomRounds = 10

    static func run(_ data: DataFolder, _ report: inout QualityReport) throws {
        measure("dialseg711", try Dialogues.dialseg711(data), pkMax: 0.24, &report)
        measure("tiage", try Dialogues.tiage(data), pkMax: 0.40, &report)
        measure("sgd", try Dialogues.sgd(data), pkMax: 0.30, &report)
        measure("qmsum", try Dialogues.qmsum(data), pkMax: nil, &report)
    }

    private static func measure(
        _ set: String, _ dialogues: [Dialogue], pkMax: Double?, _ report: inout QualityReport
    ) {
        let analyzer = TextAnalyzer.shipped(dimensions: 64)
        let reference = dialogues.map(\.boundaries)
        var found: [[Bool]] = []
        var tiled: [[[Bool]]] = [[], [], []]
        var predictions: [Metrics.Prediction] = []
        for dialogue in dialogues {
            var switches: [Bool] = []
            var vectors: [[Float]] = []
            dialogue.replayed(by: analyzer) { observation, place, _ in
                guard let topic = observation.topic else { return }
                if place > 0 { predictions.append((topic.switchProbability, dialogue.lines[place].opensTopic)) }
                switches.append(place > 0 && topic.isSwitch)
                vectors.append(observation.analysis?.embedding ?? [])
            }
            found.append(switches)
            for (index, deviations) in [-0.5, 0.5, 1.0].enumerated() {
                tiled[index].append(NaiveSegmentation.textTiling(vectors, deviations: deviations))
            }
        }
        let own = SegmentationScore(reference: reference, found: found)
        let none = SegmentationScore(reference: reference, found: NaiveSegmentation.none(reference))
        let tiling = SegmentationScore(reference: reference, found: tiled[2])
        let random = (0..<randomRounds).map {
            SegmentationScore(reference: reference, found: NaiveSegmentation.random(reference, seed: UInt64($0)))
        }
        let pkNone = ("no-boundary", none.pk)
        report.add("\(set)-pk", own.pk, baseline: pkNone, pkMax.map { .atMost($0) })
        report.add("\(set)-window-diff", own.windowDiff, baseline: ("no-boundary", none.windowDiff))
        report.add("\(set)-boundary-f1", own.f1, baseline: ("texttiling", tiling.f1))
        report.add("\(set)-boundary-f1-within-1", own.f1Near, baseline: ("texttiling", tiling.f1Near))
        report.note(
            set,
            .group([
                ("dialogues", .count(dialogues.count)),
                ("boundaries", .count(reference.reduce(0) { $0 + $1.count { $0 } })),
                ("switch_auc", .number(Metrics.auc(predictions))),
                ("switch_log_loss", .number(Metrics.logLoss(predictions))),
                ("engine", detail([own])), ("no_boundary", detail([none])), ("random", detail(random)),
                ("even", detail([SegmentationScore(reference: reference, found: NaiveSegmentation.even(reference))])),
                ("texttiling_minus_half_deviation", detail([SegmentationScore(reference: reference, found: tiled[0])])),
                ("texttiling_plus_half_deviation", detail([SegmentationScore(reference: reference, found: tiled[1])])),
                ("texttiling_plus_one_deviation", detail([tiling])),
            ]))
    }

    private static func detail(_ scores: [SegmentationScore]) -> Detail {
        func mean(_ path: KeyPath<SegmentationScore, Double>) -> Detail {
            .number(Metrics.mean(scores.map { $0[keyPath: path] }))
        }
        return .group([
            ("pk", mean(\.pk)), ("window_diff", mean(\.windowDiff)), ("pk_k_of_set", mean(\.pkOfSet)),
            ("window_diff_k_of_set", mean(\.windowDiffOfSet)), ("f1", mean(\.f1)), ("f1_within_1", mean(\.f1Near)),
            ("boundaries_found_for_each", mean(\.boundaryRatio)),
        ])
    }
}
