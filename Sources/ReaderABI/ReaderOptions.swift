import Bytes
import CReader
import StrategicCache

/// An argument that can't be used, with the text for people.
struct InvalidArgument: Error {
    var message: String
}

extension StrategicCache.Configuration {
    /// What `afterthought_reader_open` was given.
    ///
    /// - Parameters:
    ///   - conninfo: where the database is; empty: libpq's variables.
    ///   - options: the JSON object of the header, or an empty text.
    /// - Throws: `InvalidArgument` for what is no JSON object, an unknown key or a value of another kind.
    init(conninfo: String, options: String) throws(InvalidArgument) {
        self.init(url: conninfo.isEmpty ? nil : conninfo)
        if options.isEmpty { return }
        let parsed: JSONValue
        do {
            parsed = try JSONValue(parsing: options, limits: JSONLimits(depthMax: 4, valuesMax: 64))
        } catch {
            throw InvalidArgument(message: "expected the options to be a JSON object, got: a fault (\(error))")
        }
        guard let members = parsed.members else {
            throw InvalidArgument(message: "expected the options to be a JSON object, got: another value")
        }
        for member in members { try set(member.key, member.value) }
    }

    private mutating func set(_ key: String, _ value: JSONValue) throws(InvalidArgument) {
        switch key {
        case "deadline_ms": deadlineMilliseconds = try integer(key, value)
        case "pool_size": poolSize = try integer(key, value)
        case "stale_seconds_max": staleSecondsMax = try integer(key, value)
        case "last_known_entries_max": lastKnownEntriesMax = try integer(key, value)
        case "serves_hits": servesHits = try flag(key, value)
        case "prepares_statements": preparesStatements = try flag(key, value)
        case "listens_for_changes": listensForChanges = try flag(key, value)
        case "requests_refresh": requestsRefresh = try flag(key, value)
        case "application_name":
            guard let name = value.string, name.utf8.count <= 63, !name.utf8.contains(0) else {
                throw InvalidArgument(message: "expected \"\(key)\" to be a text of at most 63 bytes")
            }
            applicationName = name
        default: throw InvalidArgument(message: "expected an option of afterthought_reader.h, got: an unknown key")
        }
    }

    private func integer(_ key: String, _ value: JSONValue) throws(InvalidArgument) -> Int {
        guard let number = value.int64 else {
            throw InvalidArgument(message: "expected \"\(key)\" to be a whole number, got: another value")
        }
        return Int(number)
    }

    private func flag(_ key: String, _ value: JSONValue) throws(InvalidArgument) -> Bool {
        guard let flag = value.bool else {
            throw InvalidArgument(message: "expected \"\(key)\" to be true or false, got: another value")
        }
        return flag
    }
}

extension RecentContext {
    /// Reads the context of a read: the JSON object of the header, or an empty text.
    ///
    /// - Throws: `InvalidArgument` for anything else; unknown members are passed over.
    init(json text: String) throws(InvalidArgument) {
        self.init()
        if text.isEmpty { return }
        let limits = JSONLimits(bytesMax: Int(AFTERTHOUGHT_READER_TEXT_BYTES_MAX), depthMax: 8, valuesMax: 4096)
        guard let parsed = try? JSONValue(parsing: text, limits: limits), parsed.members != nil else {
            throw InvalidArgument(message: "expected the context to be a JSON object")
        }
        if let hour = parsed["hour"], !hour.isNull {
            guard let number = hour.int64, (0...23).contains(number) else {
                throw InvalidArgument(message: "expected \"hour\" to be 0...23")
            }
            self.hour = Int(number)
        }
        for message in (parsed["messages"]?.array ?? []).suffix(RecentContext.messagesMax) {
            guard let text = message["text"]?.string else { continue }
            messages.append(
                Message(
                    isFromUser: message["role"]?.string == "user", text: text,
                    secondsAgo: message["seconds_ago"]?.double))
        }
    }
}
