import Bytes
import Model

/// What each trait did on each of the newest days (UTC).
///
/// Invariants: at most `Limits.traitHistoryDaysMax` days before and with the newest one; intensities in whole
/// hundredths.
struct TraitHistory: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        var trait: Int
        var count: Int
        /// Σ intensity in hundredths.
        var hundredths: Int
    }

    struct Day: Equatable, Sendable {
        var index: Int64
        /// Ascending by trait.
        var entries: [Entry]
    }

    private(set) var days: [Day] = []

    init() {}

    mutating func add(_ intensity: Double, trait: Int, day index: Int64) {
        if days.last?.index != index {
            days.append(Day(index: index, entries: []))
            let oldest = index - Int64(Limits.traitHistoryDaysMax)
            days.removeAll { $0.index <= oldest }
        }
        let last = days.count - 1
        let hundredths = Int((intensity * 100).rounded())
        if let place = days[last].entries.firstIndex(where: { $0.trait == trait }) {
            days[last].entries[place].count += 1
            days[last].entries[place].hundredths += hundredths
        } else {
            let place = days[last].entries.firstIndex { $0.trait > trait } ?? days[last].entries.count
            days[last].entries.insert(Entry(trait: trait, count: 1, hundredths: hundredths), at: place)
        }
    }

    mutating func forget(trait: Int) {
        for place in days.indices { days[place].entries.removeAll { $0.trait == trait } }
        days.removeAll { $0.entries.isEmpty }
    }

    /// `[{"date":"2018-05-06","traits":{"warmth":{"n":4,"intensity":0.41}}}]`, newest last.
    func json(names: [String]) -> String {
        var writer = JSONWriter()
        writer.beginArray()
        for day in days {
            writer.beginObject()
            writer.key("date")
            writer.value(String(Timestamp(microseconds: day.index * 86_400_000_000).rfc3339.prefix(10)))
            writer.key("traits")
            writer.beginObject()
            for entry in day.entries where entry.trait < names.count {
                writer.key(names[entry.trait])
                writer.beginObject()
                writer.key("n")
                writer.value(entry.count)
                writer.key("intensity")
                writer.value(Double(entry.hundredths) / 100 / Double(entry.count), decimals: 3)
                writer.endObject()
            }
            writer.endObject()
            writer.endObject()
        }
        writer.endArray()
        return writer.text
    }

    func encode(into writer: inout StateWriter) {
        writer.write(list: days) { writer, day in
            writer.write(day.index)
            writer.write(list: day.entries) { writer, entry in
                writer.write(byte: UInt8(entry.trait))
                writer.write(UInt64(entry.count))
                writer.write(UInt64(entry.hundredths))
            }
        }
    }

    init(traits: Int, from reader: inout StateReader) throws(StateError) {
        days = try reader.readList(max: Limits.traitHistoryDaysMax) { reader throws(StateError) in
            let index = try reader.readSigned()
            guard index.magnitude <= 110_000 else { throw reader.fault("a day between 1684 and 2255") }
            let entries = try reader.readList(max: traits) { reader throws(StateError) in
                Entry(
                    trait: Int(try reader.readByte()), count: try reader.readTally(),
                    hundredths: try reader.readTally())
            }
            guard entries.allSatisfy({ $0.trait < traits && $0.count > 0 }), !entries.isEmpty,
                zip(entries, entries.dropFirst()).allSatisfy({ $0.trait < $1.trait })
            else { throw reader.fault("known traits in order") }
            return Day(index: index, entries: entries)
        }
        guard zip(days, days.dropFirst()).allSatisfy({ $0.index < $1.index }) else {
            throw reader.fault("ascending days")
        }
    }
}
