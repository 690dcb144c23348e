public import CReader
import StrategicCache

// The functions of `afterthought_reader.h`; what they promise is written there, and the compiler holds them to its
// declarations. Pointers are the caller's word: they are touched only within the lengths that come with them.

// Shown to callers that can't read a header; static, so that the text outlives every call.
private let okText: StaticString = "done"
private let tooSmallText: StaticString = "the text is longer than the buffer"
private let notReadyText: StaticString = "the database did not answer in time"
private let invalidText: StaticString = "an argument can't be used: NULL, a length out of bounds, no UTF-8, or no JSON"
private let closedText: StaticString = "no reader with this number is open"
private let forkedText: StaticString = "the reader was opened before this process was forked"
private let tooManyText: StaticString = "64 readers are open already"
private let unknownText: StaticString = "an unknown status"

/// The version of the interface.
@c @implementation
public func afterthought_reader_abi_version() -> UInt32 { UInt32(AFTERTHOUGHT_READER_ABI_VERSION) }

/// What a status means.
@c @implementation
public func afterthought_reader_status_text(_ status: Int32) -> UnsafePointer<CChar>! {
    let text =
        switch status {
        case AFTERTHOUGHT_READER_OK: okText
        case AFTERTHOUGHT_READER_TOO_SMALL: tooSmallText
        case AFTERTHOUGHT_READER_NOT_READY: notReadyText
        case AFTERTHOUGHT_READER_INVALID: invalidText
        case AFTERTHOUGHT_READER_CLOSED: closedText
        case AFTERTHOUGHT_READER_FORKED: forkedText
        case AFTERTHOUGHT_READER_TOO_MANY: tooManyText
        default: unknownText
        }
    return unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

/// Opens a reader.
@c @implementation
public func afterthought_reader_open(
    _ conninfo: UnsafePointer<CChar>!, _ conninfo_bytes: Int, _ options: UnsafePointer<CChar>!, _ options_bytes: Int,
    _ reader: UnsafeMutablePointer<afterthought_reader>!, _ error: UnsafeMutablePointer<CChar>!, _ error_capacity: Int
) -> Int32 {
    unsafe CallerMemory.writeCut("", to: error, error_capacity)
    guard let reader = unsafe reader else { return AFTERTHOUGHT_READER_INVALID }
    unsafe reader.pointee = 0
    func refuse(_ message: String) -> Int32 {
        unsafe CallerMemory.writeCut(message, to: error, error_capacity)
        return AFTERTHOUGHT_READER_INVALID
    }
    let bytesMax = AFTERTHOUGHT_READER_TEXT_BYTES_MAX
    guard let conninfo = unsafe CallerMemory.text(conninfo, conninfo_bytes, countMax: bytesMax),
        let options = unsafe CallerMemory.text(options, options_bytes, countMax: bytesMax)
    else { return refuse("expected conninfo and options to be UTF-8 of at most \(bytesMax) bytes") }
    let cache: StrategicCache
    do {
        cache = try StrategicCache(StrategicCache.Configuration(conninfo: conninfo, options: options))
    } catch let failure as InvalidArgument {
        return refuse(failure.message)
    } catch let failure as ConfigurationError {
        return refuse(failure.message)
    } catch {
        return refuse("expected a configuration that can be used, got: another error")
    }
    do throws(ReaderRegistry.Absence) {
        unsafe reader.pointee = try ReaderRegistry.shared.add(cache)
        return AFTERTHOUGHT_READER_OK
    } catch let absence {
        cache.close()
        _ = refuse("expected at most \(ReaderRegistry.readersMax) open readers, got: one more")
        return absence.status
    }
}

/// Waits until the database answers.
@c @implementation
public func afterthought_reader_wait(_ reader: afterthought_reader, _ milliseconds: UInt32) -> Int32 {
    do throws(ReaderRegistry.Absence) {
        let cache = try ReaderRegistry.shared.find(reader)
        guard milliseconds <= AFTERTHOUGHT_READER_DEADLINE_MS_MAX else { return AFTERTHOUGHT_READER_INVALID }
        let isReady = cache.waitUntilReady(milliseconds: Int(milliseconds))
        return isReady ? AFTERTHOUGHT_READER_OK : AFTERTHOUGHT_READER_NOT_READY
    } catch {
        return error.status
    }
}

/// Reads everything known of a pair.
@c @implementation
public func afterthought_reader_read(
    _ reader: afterthought_reader, _ user: UnsafePointer<CChar>!, _ user_bytes: Int, _ bot: UnsafePointer<CChar>!,
    _ bot_bytes: Int, _ deadline_ms: UInt32, _ context: UnsafePointer<CChar>!, _ context_bytes: Int,
    _ reading: UnsafeMutablePointer<afterthought_reading>!, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int32 {
    let question = unsafe ReaderQuestion(
        reader: reader, user: CallerMemory.text(user, user_bytes, countMax: AFTERTHOUGHT_READER_IDENTIFIER_BYTES_MAX),
        bot: CallerMemory.text(bot, bot_bytes, countMax: AFTERTHOUGHT_READER_IDENTIFIER_BYTES_MAX),
        deadlineMilliseconds: deadline_ms,
        context: CallerMemory.text(context, context_bytes, countMax: AFTERTHOUGHT_READER_TEXT_BYTES_MAX))
    return unsafe question.answer(reading, buffer, capacity) { $0.json() }
}

/// Reads a pair as a short text for a prompt.
@c @implementation
public func afterthought_reader_digest(
    _ reader: afterthought_reader, _ user: UnsafePointer<CChar>!, _ user_bytes: Int, _ bot: UnsafePointer<CChar>!,
    _ bot_bytes: Int, _ deadline_ms: UInt32, _ characters_max: Int,
    _ reading: UnsafeMutablePointer<afterthought_reading>!, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int32 {
    let question = unsafe ReaderQuestion(
        reader: reader, user: CallerMemory.text(user, user_bytes, countMax: AFTERTHOUGHT_READER_IDENTIFIER_BYTES_MAX),
        bot: CallerMemory.text(bot, bot_bytes, countMax: AFTERTHOUGHT_READER_IDENTIFIER_BYTES_MAX),
        deadlineMilliseconds: deadline_ms, context: "")
    // C's size_t comes as a signed number: what is beyond it is more than any text has.
    let charactersMax = characters_max < 0 ? Int.max : characters_max
    return unsafe question.answer(reading, buffer, capacity) { Array($0.digest(charactersMax: charactersMax).utf8) }
}

/// Closes a reader.
@c @implementation
public func afterthought_reader_close(_ reader: afterthought_reader) -> Int32 {
    do throws(ReaderRegistry.Absence) {
        try ReaderRegistry.shared.remove(reader).close()
        return AFTERTHOUGHT_READER_OK
    } catch {
        return error.status
    }
}
