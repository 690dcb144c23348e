import Bytes
import Engines

/// What training an adapter came to: the adapter, and what it does for queries that it was not trained on.
package struct AdapterTrial: Sendable {
    /// Whether the adapter should be used, and if not why.
    package enum Verdict: String, Sendable {
        case promoted
        case tooFewGroups = "too_few_groups"
        case noGain = "no_gain"
        case worseThanCurrent = "worse_than_current"
    }

    /// Groups with held-out queries below which nothing is concluded.
    package static let groupsMin = 20
    /// The level of the intervals.
    package static let level = 0.95

    package var verdict = Verdict.tooFewGroups
    /// Trained on everything; nil if there was nothing to train on.
    package var adapter: LinearAdapter?
    /// κ of that adapter.
    package var queryRidge = 0.0
    /// Held-out queries and the groups they are of.
    package var queries = 0
    package var groups = 0
    /// Means over held-out queries: without an adapter, with one, with the one that is in use now.
    package var baseline = RetrievalScore(recall: 0, gain: 0)
    package var adapted = RetrievalScore(recall: 0, gain: 0)
    package var current: RetrievalScore?
    /// nDCG@10 with the adapter less without, mean over groups, with its interval; nil for too few groups.
    package var gain: (mean: Double, lower: Double, upper: Double)?
    /// The same of recall@10.
    package var recallGain: (mean: Double, lower: Double, upper: Double)?
}

/// Trains adapters, and measures them on queries of other groups than they were trained on.
///
/// Groups are dealt to five folds. Each fold is ranked by a fit on the other four, whose κ was chosen by
/// cross-validation among those four: no figure comes from a query that had a part in what it measures. The adapter
/// itself is fitted on all five. It is promoted if the lower bound of the gain over no adapter is above zero, the
/// bootstrap drawn over groups, and if it does no worse than the adapter in use, which may have seen these queries.
package struct AdapterTrainer {
    static let folds = 5
    /// Held-out queries of a fold that κ is chosen by.
    static let choiceQueriesMax = 100

    /// What a fold consists of.
    private struct Fold {
        var moments: PairMoments
        /// Queries that are measured: those with a relevant document whose text is in no other fold.
        var measured: [Int] = []
        /// Documents that were judged for one of its queries.
        var documents: [Int] = []
    }

    private let pairs: RetrievalPairs
    private let goesOn: () throws -> Void
    private var parts: [Fold]

    private init(_ pairs: RetrievalPairs, _ goesOn: @escaping () throws -> Void) {
        self.pairs = pairs
        self.goesOn = goesOn
        parts = (0..<Self.folds).map { _ in Fold(moments: PairMoments(width: pairs.width)) }
    }

    /// Trains an adapter on pairs.
    ///
    /// - Parameters:
    ///   - pairs: what was recorded; their order matters only for rounding.
    ///   - current: the adapter in use; one of another width is passed over.
    ///   - goesOn: asked every few hundredths of a second; it may throw to end the training.
    /// - Returns: the trial; the same pairs give the same bits.
    /// - Throws: what `goesOn` throws.
    /// - Complexity: O(pairs × width² + width³) with 15 fits of each κ.
    package static func train(
        _ pairs: RetrievalPairs, current: LinearAdapter? = nil, goesOn: () throws -> Void = {}
    ) throws -> AdapterTrial {
        try withoutActuallyEscaping(goesOn) { goesOn in
            var trainer = AdapterTrainer(pairs, goesOn)
            try trainer.fill()
            return try trainer.trial(current)
        }
    }

    /// Deals groups to folds and adds their moments up.
    private mutating func fill() throws {
        // By a hash, so that what came together is spread.
        let order = pairs.groups.indices.sorted {
            (StableHash.mix(pairs.groups[$0]), $0) < (StableHash.mix(pairs.groups[$1]), $1)
        }
        var folds = [Int](repeating: 0, count: pairs.groups.count)
        for (place, group) in order.enumerated() { folds[group] = place % Self.folds }
        // Of each text the fold it is in; one that is in several is trained on, but not measured.
        var textFolds = [Int?](repeating: nil, count: pairs.judgements.count)
        var isSpread = [Bool](repeating: false, count: pairs.judgements.count)
        for query in pairs.queries {
            if let known = textFolds[query.text], known != folds[query.group] { isSpread[query.text] = true }
            textFolds[query.text] = folds[query.group]
        }
        var isListed = [[Bool]](
            repeating: [Bool](repeating: false, count: pairs.documents.count), count: Self.folds)
        for (index, query) in pairs.queries.enumerated() {
            if index % 64 == 0 { try goesOn() }
            let fold = folds[query.group]
            let judged = pairs.judgements[query.text]
            for judgement in judged where !isListed[fold][judgement.document] {
                isListed[fold][judgement.document] = true
                parts[fold].documents.append(judgement.document)
                parts[fold].moments.add(document: BlockVector(pairs.documents[judgement.document]))
            }
            if let target = target(of: judged) {
                parts[fold].moments.add(query: BlockVector(query.vector), target: target)
            }
            if !isSpread[query.text], judged.contains(where: { $0.relevance >= RetrievalScore.relevanceMin }) {
                parts[fold].measured.append(index)
            }
        }
    }

    /// The mean of the documents by relevance; nil if none is relevant at all.
    private func target(of judged: [RetrievalPairs.Judgement]) -> BlockVector? {
        var sum = 0.0
        var target = BlockVector(width: pairs.width)
        for judgement in judged where judgement.relevance > 0 {
            let document = BlockVector(pairs.documents[judgement.document])
            for block in target.blocks.indices {
                target.blocks[block] += document.blocks[block] * judgement.relevance
            }
            sum += judgement.relevance
        }
        guard sum > 0 else { return nil }
        for block in target.blocks.indices { target.blocks[block] /= SIMD8(repeating: sum) }
        return target
    }

    // Fitting ---------------------------------------------------------------------------------------------------------

    private func moments(without left: Set<Int>) -> PairMoments {
        var sum = PairMoments(width: pairs.width)
        for fold in parts.indices where !left.contains(fold) { sum.add(parts[fold].moments) }
        return sum
    }

    /// One fit for each κ; none without queries.
    private func fits(without left: Set<Int>) throws -> [BilinearFit] {
        let moments = moments(without: left)
        guard moments.queryCount > 0, moments.documentCount > 0 else { return [] }
        try goesOn()
        let documents = BilinearFit.factor(of: moments)
        return try BilinearFit.queryRidges.map {
            try goesOn()
            return BilinearFit(moments, documents: documents, queryRidge: $0)
        }
    }

    /// Scores of a fold's queries, in the order of the fold; the adapting map gets a query and gives one.
    private func scores(
        _ fold: Int, queriesMax: Int = .max, _ adapt: ([Float]) -> [Float]
    ) throws -> [RetrievalScore] {
        let candidates = parts[fold].documents
        var places = [Int](repeating: -1, count: pairs.documents.count)
        for (place, document) in candidates.enumerated() { places[document] = place }
        return try parts[fold].measured.prefix(queriesMax).enumerated().map { index, place in
            if index % 8 == 0 { try goesOn() }
            let query = pairs.queries[place]
            let adapted = adapt(query.vector)
            var relevance = [Double](repeating: 0, count: candidates.count)
            for judgement in pairs.judgements[query.text] {
                relevance[places[judgement.document]] = judgement.relevance
            }
            let scores = candidates.map { UnitVector.dot(adapted, pairs.documents[$0]) }
            guard let score = RetrievalScore(scores: scores, relevance: relevance) else {
                preconditionFailure("expected a query with a relevant document, got: none")
            }
            return score
        }
    }

    /// The place of the κ whose fits gave the highest nDCG; `sums` by κ.
    private func best(_ sums: [Double]) -> Int {
        // Of equal ones the largest κ: the least change.
        sums.indices.max { (sums[$0], $0) < (sums[$1], $1) } ?? 0
    }

    private func trial(_ current: LinearAdapter?) throws -> AdapterTrial {
        let ridges = BilinearFit.queryRidges.indices
        // gains[left][held]: by κ, of the fold held when fitted without both.
        var gains = [[[Double]]](
            repeating: [[Double]](repeating: ridges.map { _ in 0 }, count: Self.folds), count: Self.folds)
        for first in parts.indices {
            for second in first..<Self.folds {
                for (ridge, fit) in try fits(without: [first, second]).enumerated() {
                    for (left, held) in first == second ? [(first, first)] : [(first, second), (second, first)] {
                        let found = try scores(held, queriesMax: Self.choiceQueriesMax) {
                            fit.project(BlockVector($0)).floats
                        }
                        gains[left][held][ridge] = found.reduce(0) { $0 + $1.gain }
                    }
                }
            }
        }
        var trial = AdapterTrial()
        var held: [HeldOut] = []
        for fold in parts.indices {
            let others = parts.indices.filter { $0 != fold }
            let ridge = best(ridges.map { ridge in others.reduce(0) { $0 + gains[fold][$1][ridge] } })
            held += try measure(fold, ridge, current)
        }
        let ridge = best(ridges.map { ridge in parts.indices.reduce(0) { $0 + gains[$1][$1][ridge] } })
        trial.queryRidge = BilinearFit.queryRidges[ridge]
        let everything = try fits(without: [])
        if !everything.isEmpty {
            try goesOn()
            trial.adapter = everything[ridge].adapter(width: pairs.width)
        }
        conclude(&trial, held)
        return trial
    }

    // Measuring -------------------------------------------------------------------------------------------------------

    /// A held-out query.
    private struct HeldOut {
        var group: Int
        var baseline: RetrievalScore
        var adapted: RetrievalScore
        var current: RetrievalScore?
    }

    /// Ranks a fold by a fit on the others.
    private func measure(_ fold: Int, _ ridge: Int, _ current: LinearAdapter?) throws -> [HeldOut] {
        guard !parts[fold].measured.isEmpty else { return [] }
        let fits = try fits(without: [fold])
        guard !fits.isEmpty else { return [] }
        let baseline = try scores(fold) { $0 }
        let adapted = try scores(fold) { fits[ridge].project(BlockVector($0)).floats }
        let inUse = try current.flatMap { $0.width == pairs.width ? $0 : nil }.map { current in
            try scores(fold) { current.apply($0) }
        }
        return parts[fold].measured.indices.map { place in
            HeldOut(
                group: pairs.queries[parts[fold].measured[place]].group, baseline: baseline[place],
                adapted: adapted[place], current: inUse?[place])
        }
    }

    private func conclude(_ trial: inout AdapterTrial, _ held: [HeldOut]) {
        guard !held.isEmpty else { return }
        trial.queries = held.count
        trial.baseline = RetrievalScore(meanOf: held.map(\.baseline))
        trial.adapted = RetrievalScore(meanOf: held.map(\.adapted))
        let current = held.compactMap(\.current)
        if !current.isEmpty { trial.current = RetrievalScore(meanOf: current) }
        var byGroup = [[HeldOut]](repeating: [], count: pairs.groups.count)
        for query in held { byGroup[query.group].append(query) }
        byGroup.removeAll(where: \.isEmpty)
        trial.groups = byGroup.count
        guard byGroup.count >= AdapterTrial.groupsMin, trial.adapter != nil else { return }
        let gain = Self.interval(byGroup) { $0.adapted.gain - $0.baseline.gain }
        trial.gain = gain
        trial.recallGain = Self.interval(byGroup) { $0.adapted.recall - $0.baseline.recall }
        trial.verdict =
            if gain.lower <= 0 {
                .noGain
            } else if let current = trial.current, current.gain > trial.adapted.gain {
                .worseThanCurrent
            } else {
                .promoted
            }
    }

    /// The mean over groups of a figure's mean in the group, with its interval.
    private static func interval(
        _ groups: [[HeldOut]], _ figure: (HeldOut) -> Double
    ) -> (mean: Double, lower: Double, upper: Double) {
        let means = groups.map { group in group.reduce(0) { $0 + figure($1) } / Double(group.count) }
        let bounds = Bootstrap.meanInterval(means, level: AdapterTrial.level, seed: 11)
        return (means.reduce(0, +) / Double(means.count), bounds.lower, bounds.upper)
    }
}

extension RetrievalScore {
    /// The mean of at least one score.
    package init(meanOf scores: [RetrievalScore]) {
        let count = Double(scores.count)
        self.init(
            recall: scores.reduce(0) { $0 + $1.recall } / count, gain: scores.reduce(0) { $0 + $1.gain } / count)
    }
}
