import Engines

/// Fits what tells a service from a chat among peers, message by message.
struct SwitchRegister {
    var user: [Double]
    var assistant: [Double]
    /// Means of the inputs halfway between the two kinds: where a pair starts.
    private var start: [[Double]]
    var intercept = 0.0

    var userStart: Double { zip(user, start[0]).reduce(0) { $0 + $1.0 * $1.1 } }
    var assistantStart: Double { zip(assistant, start[1]).reduce(0) { $0 + $1.0 * $1.1 } }

    /// Fits it.
    ///
    /// Each source counts as `messages` times its weight; of the chats' messages the share `passing` may pass as a
    /// service's.
    init(
        chat: [SwitchFit.Source], service: [SwitchFit.Source], messages: Double, ridge: Double, passing: Double
    ) {
        let kinds = [chat, service].map { sources in sources.map { Self.means($0.dialogues) } }
        let width = kinds[0][0][0].count
        start = (0..<2).map { role in
            (0..<width).map { place in
                0.5 * Metrics.mean(kinds[0].map { $0[role][place] }) + 0.5
                    * Metrics.mean(kinds[1].map { $0[role][place] })
            }
        }
        user = []
        assistant = []
        var problem = RidgeLogistic()
        for (kind, sources) in [chat, service].enumerated() {
            for source in sources {
                let count = source.dialogues.reduce(0) { $0 + $1.count }
                for row in source.dialogues.flatMap({ Self.smoothed($0, from: start) }) {
                    problem.add(
                        [1] + row, outcome: kind == 1, weight: source.weight * messages / Double(max(1, count)))
                }
            }
        }
        let coefficients = problem.fitted(ridge: ridge)
        user = Array(coefficients[1...width])
        assistant = Array(coefficients[(width + 1)...])
        let logits = chat.flatMap { $0.dialogues.flatMap { self.logits($0) } }.sorted()
        intercept = -logits[min(logits.count - 1, Int(Double(logits.count) * (1 - passing)))]
    }

    /// The register's log-odds after each message.
    func logits(_ rows: [SwitchFit.Row]) -> [Double] {
        Self.smoothed(rows, from: start).map { means in
            zip(user + assistant, means).reduce(intercept) { $0 + $1.0 * $1.1 }
        }
    }

    /// Means by role, the user's first.
    private static func means(_ dialogues: [[SwitchFit.Row]]) -> [[Double]] {
        [true, false].map { isUser in
            let rows = dialogues.flatMap { $0.filter { $0.isUser == isUser } }
            let width = dialogues[0][0].register.count
            return (0..<width).map { place in
                rows.isEmpty ? 0 : Metrics.mean(rows.map { $0.register[place] })
            }
        }
    }

    /// After each message, the user's means that forget and the assistant's.
    private static func smoothed(_ rows: [SwitchFit.Row], from start: [[Double]]) -> [[Double]] {
        var means = start
        return rows.map { row in
            let role = row.isUser ? 0 : 1
            for place in row.register.indices {
                means[role][place] += SwitchContext.registerShare * (row.register[place] - means[role][place])
            }
            return means[0] + means[1]
        }
    }
}

/// The file that holds the weights.
enum SwitchWeightsText {
    static func text(_ threshold: Double, service: [Double], peers: [Double], _ register: SwitchRegister) -> String {
        """
        /// Weights of `SwitchModel` in the order of `SwitchFeatures`: version 1, written by `bench fit switch`.
        enum SwitchWeights {
            /// P(switch) from which on a message is taken as a switch.
            static let threshold = \(number(threshold))
            static let service: InlineArray<\(service.count), Double> = [
        \(rows(service))
            ]
            static let peers: InlineArray<\(peers.count), Double> = [
        \(rows(peers))
            ]
            static let registerIntercept = \(number(register.intercept))
            static let userRegister: InlineArray<\(register.user.count), Double> = [
        \(rows(register.user))
            ]
            static let assistantRegister: InlineArray<\(register.assistant.count), Double> = [
        \(rows(register.assistant))
            ]
            static let userRegisterStart = \(number(register.userStart))
            static let assistantRegisterStart = \(number(register.assistantStart))
        }

        """
    }

    private static func rows(_ numbers: [Double]) -> String {
        stride(from: 0, to: numbers.count, by: 10).map { start in
            "        "
                + numbers[start..<min(numbers.count, start + 10)].map { number($0) }.joined(separator: ", ") + ","
        }.joined(separator: "\n")
    }

    /// Two decimals: more say nothing, and rounding makes the bytes those of any machine.
    static func number(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let digits = hundredths.magnitude
        let fraction = digits % 100
        return (hundredths < 0 ? "-" : "") + "\(digits / 100)." + (fraction < 10 ? "0" : "") + "\(fraction)"
    }
}
