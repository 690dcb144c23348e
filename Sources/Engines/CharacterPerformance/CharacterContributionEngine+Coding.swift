import Bytes
import Model

extension CharacterContributionEngine {
    private static let hourMax = Timestamp.reckonedMicrosecondsMax / 3_600_000_000
    private static let namesMax =
        4 + otherMetricsMax + CharacterMeasure.behavioural.count + Limits.traitsMax
        + 2 * StyleTraits.names.count
    private static let prefixedNameBytesMax = CharacterMeasure.nameBytesMax + 8

    package func encode(into writer: inout StateWriter) {
        let names = distinctNames()
        writer.write(list: names) { writer, name in writer.write(name) }
        encode(contributions[BotContributions.longRun], names: names, into: &writer)
        writer.write(newestHour) { writer, hour in
            writer.write(hour)
            let hours = contributions.keys.filter { $0 != BotContributions.longRun }
            writer.write(list: hours) { writer, key in
                writer.write(UInt64(hour - key))
                encode(contributions[key], names: names, into: &writer)
            }
        }
        writer.write(hasGivenTraits)
        writer.write(list: otherMetrics) { writer, name in writer.write(name) }
        writer.write(openTurnHour) { writer, hour in writer.write(hour) }
        writer.write(session) { writer, session in
            writer.write(session.index)
            writer.write(session.hour)
            writer.write(UInt64(session.messages))
            writer.write(session.previousUser) { writer, gist in gist.encode(into: &writer) }
        }
        writer.write(lastDay) { writer, day in
            writer.write(day)
            writer.write(lastDayHour)
        }
    }

    /// The names in use, ascending byte by byte.
    private func distinctNames() -> [String] {
        var union = BucketSums()
        for bucket in contributions.buckets.values {
            for measure in bucket.measures where union[measure.name].isZero {
                union.add(MeasureSum(count: 1), to: measure.name)
            }
        }
        return union.measures.map(\.name)
    }

    private func encode(_ bucket: BucketSums, names: [String], into writer: inout StateWriter) {
        var place = 0
        writer.write(list: bucket.measures) { writer, measure in
            while UTF8Text.order(names[place], measure.name) != 0 { place += 1 }
            writer.write(byte: UInt8(place))
            writer.write(measure.sum.count)
            writer.write(measure.sum.total)
            writer.write(measure.sum.totalOfSquares) { writer, squares in writer.write(squares) }
        }
    }

    package init(from reader: inout StateReader) throws(StateError) {
        let names = try reader.readList(max: Self.namesMax) { reader throws(StateError) in
            try reader.readBoundedName(bytesMax: Self.prefixedNameBytesMax)
        }
        guard zip(names, names.dropFirst()).allSatisfy({ UTF8Text.order($0, $1) < 0 }) else {
            throw reader.fault("ascending names")
        }
        contributions[BotContributions.longRun] = try Self.readBucket(names: names, from: &reader)
        if try reader.readBool() {
            let newest = try Self.readHour(from: &reader)
            newestHour = newest
            let hours = try reader.readList(max: Limits.bucketHoursMax) { reader throws(StateError) in
                let age = try reader.readUnsigned(max: UInt64(Limits.bucketHoursMax - 1))
                let bucket = try Self.readBucket(names: names, from: &reader)
                guard !bucket.isZero else { throw reader.fault("a bucket that is not empty") }
                return (hour: newest - Int64(age), bucket: bucket)
            }
            guard zip(hours, hours.dropFirst()).allSatisfy({ $0.hour < $1.hour }) else {
                throw reader.fault("ascending hours")
            }
            for (hour, bucket) in hours { contributions[hour] = bucket }
        }
        hasGivenTraits = try reader.readBool()
        otherMetrics = try reader.readList(max: Self.otherMetricsMax) { reader throws(StateError) in
            try reader.readBoundedName(bytesMax: Self.prefixedNameBytesMax)
        }
        openTurnHour = try reader.readOptional { reader throws(StateError) in try Self.readHour(from: &reader) }
        session = try reader.readOptional { reader throws(StateError) in
            Session(
                index: try reader.readInt(), hour: try Self.readHour(from: &reader), messages: try reader.readTally(),
                previousUser: try reader.readOptional { reader throws(StateError) in try MessageGist(from: &reader) })
        }
        if try reader.readBool() {
            lastDay = try Self.readHour(from: &reader)
            lastDayHour = try Self.readHour(from: &reader)
        }
    }

    private static func readHour(from reader: inout StateReader) throws(StateError) -> Int64 {
        let hour = try reader.readSigned()
        guard hour.magnitude <= (hourMax + 1).magnitude else { throw reader.fault("an hour between 1684 and 2255") }
        return hour
    }

    private static func readBucket(names: [String], from reader: inout StateReader) throws(StateError) -> BucketSums {
        var bucket = BucketSums()
        var last = -1
        let measures = try reader.readList(max: cellsAnHourMax) { reader throws(StateError) in
            let place = Int(try reader.readByte())
            guard place > last, place < names.count else { throw reader.fault("a name's place") }
            last = place
            let count = try reader.readSigned()
            guard count > 0 else { throw reader.fault("a count above zero") }
            let total = try reader.readSigned()
            let squares = try reader.readOptional { reader throws(StateError) in try reader.readSigned() }
            return (place, MeasureSum(count: count, total: total, totalOfSquares: squares))
        }
        for (place, sum) in measures { bucket.add(sum, to: names[place]) }
        return bucket
    }
}
