import Bytes
import Postgres
import Support
import Testing

/// Cron texts that are right, nearly right or far from it, by a seed.
private struct GeneratedCron {
    var random: SeededRandom

    private static let ranges = [0...59, 0...23, 1...31, 1...12, 0...7]
    private static let names = [
        [], [], [], ["JAN", "feb", "MAR", "Dec"], ["SUN", "mon", "SAT"],
    ]
    private static let odd = [
        "", "-", "*/0", "*/", "/5", "**", "5-", "-5", "1,,2", "99", "100", "a", "JANUARY", "1-2-3", "?", "L", "5#2",
        "é",
        "*/99", "1/1/1", "٣", "0x1", "1.5", " ", "'", "\\",
    ]

    /// One text; five fields mostly, and now and then something odd in one of them.
    mutating func next() -> String {
        var fields = (0..<5).map { field($0) }
        switch Int.random(in: 0..<8, using: &random) {
        case 0: fields[Int.random(in: 0..<5, using: &random)] = Self.odd.randomElement(using: &random)!
        case 1: fields.removeLast(Int.random(in: 0..<3, using: &random))
        case 2: fields.append(Self.odd.randomElement(using: &random)!)
        case 3: return ["@daily", "@HOURLY", "@weekly", "@monthly", "@yearly", "@", ""].randomElement(using: &random)!
        default: break
        }
        return fields.joined(separator: Int.random(in: 0..<8, using: &random) == 0 ? "  \t" : " ")
    }

    private mutating func field(_ index: Int) -> String {
        (0..<Int.random(in: 1...(Int.random(in: 0..<4, using: &random) == 0 ? 4 : 1), using: &random))
            .map { _ in part(index) }.joined(separator: ",")
    }

    private mutating func part(_ index: Int) -> String {
        func number() -> String {
            if let name = Self.names[index].randomElement(using: &random), Bool.random(using: &random) { return name }
            return String(Int.random(in: Self.ranges[index], using: &random))
        }
        let step = Int.random(in: 0..<3, using: &random) == 0 ? "/\(Int.random(in: 1...20, using: &random))" : ""
        return switch Int.random(in: 0..<6, using: &random) {
        case 0, 1, 2: "*" + step
        case 3: number() + "-" + number() + step
        default: number() + step
        }
    }
}

/// What a cron text means, minute by minute in UTC: written from the rules of cron alone, as slowly as they are told.
private struct ReferenceCron {
    private var members: [Set<Int>] = []
    private var restrictsDays = false

    init?(_ text: String) {
        let known = ["@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"]
        let whole = known[text.lowercased()] ?? text
        let fields = whole.split(whereSeparator: { " \t".contains($0) }).map { $0.uppercased() }
        guard fields.count == 5 else { return nil }
        let months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
        let days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
        let shapes: [(ClosedRange<Int>, [String])] = [
            (0...59, []), (0...23, []), (1...31, []), (1...12, months), (0...7, days),
        ]
        for (field, (range, names)) in zip(fields, shapes) {
            guard let found = Self.members(field, range, names) else { return nil }
            members.append(found)
        }
        members[4] = Set(members[4].map { $0 % 7 })
        restrictsDays = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
    }

    private static func members(_ field: String, _ range: ClosedRange<Int>, _ names: [String]) -> Set<Int>? {
        func number(_ text: Substring) -> Int? {
            if let place = names.firstIndex(of: String(text)) { return place + range.lowerBound }
            let isNumber = (1...2).contains(text.utf8.count) && text.utf8.allSatisfy { (48...57).contains($0) }
            return isNumber ? Int(text) : nil
        }
        var found: Set<Int> = []
        for part in field.split(separator: ",", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "/", omittingEmptySubsequences: false)
            guard pieces.count <= 2, let body = pieces.first else { return nil }
            var step = 1
            if pieces.count == 2 {
                // A name is no step.
                guard let given = number(pieces[1]), given > 0, Int(pieces[1]) == given else { return nil }
                step = given
            }
            var low = range.lowerBound
            var high = range.upperBound
            if body != "*" {
                let ends = body.split(separator: "-", omittingEmptySubsequences: false)
                guard ends.count <= 2, let first = number(ends[0]) else { return nil }
                low = first
                high = first
                if ends.count == 2 {
                    guard let last = number(ends[1]) else { return nil }
                    // After MON, SUN is the day that ends the week.
                    high = ends[1] == "SUN" && names.first == "SUN" && low > 0 ? 7 : last
                } else if pieces.count == 2 {
                    high = range.upperBound
                }
            }
            guard range.contains(low), range.contains(high), low <= high else { return nil }
            found.formUnion(stride(from: low, through: high, by: step))
        }
        return found
    }

    func matches(_ moment: Timestamp) -> Bool {
        let text = moment.rfc3339
        let parts = text.split(whereSeparator: { !"0123456789".contains($0) }).compactMap { Int($0) }
        // 1970-01-01 was a Thursday.
        let weekday = Int(((moment.dayIndex + 4) % 7 + 7) % 7)
        let isDay =
            restrictsDays
            ? members[2].contains(parts[2]) || members[4].contains(weekday)
            : members[2].contains(parts[2]) && members[4].contains(weekday)
        return isDay && members[0].contains(parts[4]) && members[1].contains(parts[3]) && members[3].contains(parts[1])
    }
}

@Suite("Cron texts mean what cron says", .database)
struct CronReferenceTests {
    @Test(
        "the same texts are refused, the others give the same moments, and none is searched for without end",
        arguments: [1, 2, UInt64.random(in: 3...UInt64.max)])
    func sameMoments(seed: UInt64) throws {
        var generated = GeneratedCron(random: SeededRandom(seed: seed))
        var connection = try TestDatabase.current.connect()
        try connection.execute("set statement_timeout = '60s'; set timezone = 'UTC'")
        // Two days around the end of a February, which are a Saturday and a Sunday.
        let start = try Timestamp(text: "2026-02-28T00:00:00Z")
        let minutes = (1...2880 as ClosedRange<Int64>).map {
            Timestamp(microseconds: start.microseconds + $0 * 60_000_000)
        }
        var accepted = 0
        var refused = 0
        for _ in 0..<200 {
            let cron = generated.next()
            let reference = ReferenceCron(cron)
            let quoted = cron.replacing("'", with: "''")
            do throws(PostgresError) {
                let found = try connection.textRows(
                    """
                    select extract(epoch from t)::bigint::text
                    from afterthought.cron_times(
                        '\(quoted)', 'UTC', '2026-02-28 00:00Z', '2026-03-02 00:00Z') as t
                    """
                ).compactMap { $0[0].flatMap { Int64($0) } }
                accepted += 1
                let expected = reference.map { reference in
                    minutes.filter { reference.matches($0) }.map { $0.microseconds / 1_000_000 }
                }
                #expect(found == expected, "seed \(seed), \(cron.debugDescription)")
                _ = try connection.textRows("select afterthought.cron_next('\(quoted)', 'UTC', '2026-02-28 00:00Z')")
            } catch {
                refused += 1
                #expect(error.sqlState == "42601", "seed \(seed), \(cron.debugDescription): \(error.message)")
                #expect(reference == nil, "seed \(seed), \(cron.debugDescription)")
            }
        }
        #expect(accepted > 40 && refused > 40, "seed \(seed): \(accepted), \(refused)")
    }
}
