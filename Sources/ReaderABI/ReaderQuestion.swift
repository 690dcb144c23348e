import CReader
import StrategicCache

/// One read as a C caller asked for it; a text that could not be used is nil.
struct ReaderQuestion {
    var reader: afterthought_reader
    var user: String?
    var bot: String?
    var deadlineMilliseconds: UInt32
    var context: String?

    /// Reads, and fills what the caller wants filled.
    ///
    /// - Parameters:
    ///   - reading: the caller's struct, or NULL.
    ///   - buffer: where the text goes, or NULL.
    ///   - capacity: the buffer's bytes.
    ///   - text: draws the text from the view.
    /// - Returns: a status of the header.
    func answer(
        _ reading: UnsafeMutablePointer<afterthought_reading>?, _ buffer: UnsafeMutablePointer<CChar>?,
        _ capacity: Int, _ text: (StrategicView) -> [UInt8]
    ) -> Int32 {
        // C's size_t comes as a signed number: beyond it no buffer is.
        guard capacity >= 0, unsafe buffer != nil || capacity == 0 else { return AFTERTHOUGHT_READER_INVALID }
        if capacity > 0, let buffer = unsafe buffer { unsafe buffer[0] = 0 }
        if let reading = unsafe reading,
            unsafe Int(reading.pointee.struct_bytes) < MemoryLayout<afterthought_reading>.size
        {
            return AFTERTHOUGHT_READER_INVALID
        }
        do throws(ReaderRegistry.Absence) {
            let cache = try ReaderRegistry.shared.find(reader)
            guard let user, let bot, let context, deadlineMilliseconds <= AFTERTHOUGHT_READER_DEADLINE_MS_MAX,
                let recent = try? RecentContext(json: context)
            else { return AFTERTHOUGHT_READER_INVALID }
            let view = cache.read(
                user: user, bot: bot, context: recent,
                deadlineMilliseconds: deadlineMilliseconds == 0 ? nil : Int(deadlineMilliseconds))
            let bytes = unsafe buffer == nil ? [] : text(view)
            if let reading = unsafe reading { unsafe fill(&reading.pointee, view, bytes.count) }
            return unsafe CallerMemory.write(bytes, to: buffer, capacity)
        } catch {
            return error.status
        }
    }

    private func fill(_ reading: inout afterthought_reading, _ view: StrategicView, _ count: Int) {
        switch view.freshness {
        case .fresh: reading.freshness = AFTERTHOUGHT_READER_FRESH
        case .stale: reading.freshness = AFTERTHOUGHT_READER_STALE
        case .missing: reading.freshness = AFTERTHOUGHT_READER_FALLBACK
        }
        reading.age_seconds = view.age.map { $0 / .seconds(1) } ?? .nan
        reading.reflects_through = view.reflectsThrough ?? .nan
        reading.messages_reflected = view.messagesReflected
        reading.json_bytes = UInt64(count)
    }
}
