import Foundation
import Postgres
import Support

/// An application's writer: transactions of every kind that make ids and times differ from the order of commits.
struct FaultWriter: ~Copyable {
    private var random: SeededRandom
    private var connection: Connection
    private let number: Int
    private let bots: Int
    private let users: Int
    /// The longest time between a transaction's last row and its commit, in microseconds.
    private let delayMicrosecondsMax: UInt32
    private let prepares: Bool

    init(
        _ options: ConnectionOptions, number: Int, seed: UInt64, bots: Int = 2, users: Int = 8,
        delayMicrosecondsMax: UInt32 = 20_000, prepares: Bool = true
    ) throws {
        random = SeededRandom(seed: seed &+ UInt64(number))
        connection = try Connection(options)
        self.number = number
        self.bots = bots
        self.users = users
        self.delayMicrosecondsMax = delayMicrosecondsMax
        self.prepares = prepares
    }

    /// Runs one transaction of a random kind.
    mutating func write() throws {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: try rolledBack()
        case 1: if prepares { try prepared() }
        case 2: try copied()
        case 3: try withSavepoints()
        case 4: try edited()
        default: try plain()
        }
    }

    private mutating func pause() {
        usleep(UInt32.random(in: 0...delayMicrosecondsMax, using: &random))
    }

    private mutating func plain() throws {
        try connection.execute("begin; " + rows())
        pause()
        try connection.execute("commit")
    }

    private mutating func rolledBack() throws {
        try connection.execute("begin; " + rows())
        pause()
        try connection.execute("rollback")
    }

    private mutating func withSavepoints() throws {
        try connection.execute("begin; " + rows() + "; savepoint first; " + rows())
        pause()
        try connection.execute(
            Bool.random(using: &random) ? "rollback to savepoint first; " + rows() : "release savepoint first")
        pause()
        try connection.execute("commit")
    }

    private mutating func prepared() throws {
        let name = "w\(number)-\(UInt32.random(in: 0 ... .max, using: &random))"
        try connection.execute("begin; " + rows() + "; prepare transaction '\(name)'")
        // Others commit meanwhile, and so does this writer.
        try plain()
        pause()
        try connection.execute((Bool.random(using: &random) ? "commit" : "rollback") + " prepared '\(name)'")
    }

    private mutating func copied() throws {
        let lines = (0..<Int.random(in: 1...8, using: &random)).map { _ in message(separator: "\t") }
        try connection.execute("begin")
        try connection.copyIn(
            "copy afterthought.messages (user_id, bot_name, role, content, created_at) from stdin"
        ) { copy in
            for line in lines { try copy.write(line + "\n") }
        }
        pause()
        try connection.execute("commit")
    }

    private mutating func edited() throws {
        let user = userName()
        let statement =
            Bool.random(using: &random)
            ? "update afterthought.messages set content = content || ' indeed' where id = (select max(id) "
                + "from afterthought.messages where user_id = '\(user)' and octet_length(content) < 200)"
            : "delete from afterthought.messages where id = (select min(id) from afterthought.messages "
                + "where user_id = '\(user)')"
        try connection.execute("begin; " + statement)
        pause()
        try connection.execute("commit")
    }

    private mutating func userName() -> String { "u\(Int.random(in: 0..<users, using: &random))" }

    /// Rows of some streams, as statements.
    private mutating func rows() -> String {
        let pair = "'\(userName())', 'bot\(Int.random(in: 0..<bots, using: &random))'"
        let at = "now() - interval '\(Int.random(in: 0...200_000, using: &random)) seconds'"
        var statements = ["select 1"]
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            statements.append(
                "insert into afterthought.messages (user_id, bot_name, role, content, created_at) "
                    + "values ('" + message(separator: "', '") + "')")
        }
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
            statements.append(
                "insert into afterthought.memory_retrievals (user_id, bot_name, memory_id, retrieved_at, outcome) "
                    + "values (\(pair), 'm\(Int.random(in: 0..<4, using: &random))', \(at), 'recalled')")
        case 1:
            statements.append(
                "insert into afterthought.metric_points (user_id, bot_name, metric, value, recorded_at) "
                    + "values (\(pair), 'engagement', 0.5, \(at))")
        case 2:
            statements.append(
                "insert into afterthought.metric_points (bot_name, metric, value, recorded_at) "
                    + "values ('bot0', 'coherence', 0.25, \(at))")
        case 3:
            statements.append(
                "insert into afterthought.trait_activations (user_id, bot_name, trait, intensity, activated_at) "
                    + "values (\(pair), 'warmth', 0.75, \(at))")
        case 4:
            statements.append(
                "insert into afterthought.outreach_attempts (user_id, bot_name, topic, sent_at) "
                    + "values (\(pair), 'gardening', \(at))")
        default: break
        }
        return statements.joined(separator: "; ")
    }

    private static let contents = [
        "I planted tomatoes today, do you think they will grow?", "My sister is coming over on Sunday.",
        "Thanks, that really helped me!", "What was the name of that book again?", "I am so tired of this job.",
        "Could you remind me to water the plants?", "Let us talk about something else: the concert was great.",
    ]

    /// A message's columns: user, bot, role, content, time.
    private mutating func message(separator: String) -> String {
        let time = Date(timeIntervalSinceNow: -Double.random(in: 0...200_000, using: &random))
        return [
            userName(), "bot\(Int.random(in: 0..<bots, using: &random))",
            Bool.random(using: &random) ? "user" : "assistant", Self.contents.randomElement(using: &random) ?? "Hello",
            time.ISO8601Format(.iso8601(timeZone: .gmt, includingFractionalSeconds: true)),
        ].joined(separator: separator)
    }
}
