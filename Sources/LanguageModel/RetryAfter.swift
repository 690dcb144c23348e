import Bytes

/// The pause that a response asks for in its `Retry-After` field.
///
/// Source: RFC 9110, sections 5.6.7 and 10.2.3 (2022).
enum RetryAfter {
    /// Seconds to wait.
    ///
    /// - Parameters:
    ///   - field: seconds, or a date in any of the three forms of HTTP.
    ///   - date: the same response's `Date` field. Only the endpoint's own clock is compared with a date of its own, as
    ///     this machine's may be wrong; a date without it says nothing.
    /// - Returns: 0 or more; nil if the field says nothing that is understood.
    static func seconds(_ field: String, date: String?) -> Double? {
        let text = field.filter { $0 != " " && $0 != "\t" }
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            // More digits than these are longer than anybody waits.
            return text.utf8.count <= 9 ? Double(text) : 1e9
        }
        guard let moment = moment(field), let now = date.flatMap({ self.moment($0) }) else { return nil }
        return max(0, moment.seconds(since: now))
    }

    /// A moment in one of the three forms: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` and
    /// `Sun Nov  6 08:49:37 1994`.
    static func moment(_ text: String) -> Timestamp? {
        var words = text.split(whereSeparator: { " ,-\t".contains($0) }).map(String.init)
        guard words.count >= 5, !words.removeFirst().isEmpty else { return nil }
        if words.last == "GMT" { words.removeLast() }
        guard words.count == 4 else { return nil }
        // The oldest form names the month before the day, and the year last.
        if Int(words[0]) == nil { words = [words[1], words[0], words[3], words[2]] }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard let day = number(words[0], 2), let month = months.firstIndex(of: words[1]),
            var year = number(words[2], 4)
        else { return nil }
        if words[2].count == 2 { year += year < 70 ? 2000 : 1900 }
        let clock = words[3].split(separator: ":", omittingEmptySubsequences: false).map { number(String($0), 2) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2],
            hour < 24, minute < 60, second <= 60, let date = CivilDate(year: year, month: month + 1, day: day)
        else { return nil }
        let seconds = ((date.daysSinceEpoch * 24 + hour) * 60 + minute) * 60 + second
        return Timestamp(microseconds: Int64(seconds) * 1_000_000)
    }

    private static func number(_ text: String, _ digitsMax: Int) -> Int? {
        guard (1...digitsMax).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }
}
