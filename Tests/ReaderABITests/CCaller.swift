import Bytes
import CReader
import Foundation
import ReaderABI

/// A C program's way of using a reader, with lengths and buffers of its own.
struct CCaller {
    var reader: afterthought_reader = 0

    /// What a call came to.
    struct Answer {
        var status: Int32
        var reading: afterthought_reading
        var text: String
        var json: JSONValue? { try? JSONValue(parsing: text) }
    }

    /// Opens a reader; the message is what was refused.
    static func open(_ conninfo: String, _ options: String = "") -> (caller: CCaller, status: Int32, message: String) {
        var caller = CCaller()
        var message = [CChar](repeating: 1, count: 512)
        let status = conninfo.withCString { conninfo in
            options.withCString { options in
                afterthought_reader_open(
                    conninfo, strlen(conninfo), options, strlen(options), &caller.reader, &message, message.count)
            }
        }
        let end = message.firstIndex(of: 0) ?? 0
        return (caller, status, String(decoding: message[..<end].map(UInt8.init(bitPattern:)), as: UTF8.self))
    }

    func read(
        _ user: String, _ bot: String, deadline: UInt32 = 20_000, context: String = "", capacity: Int = 65_536
    ) -> Answer {
        call(capacity) { reading, buffer, capacity in
            afterthought_reader_read(
                reader, user, user.utf8.count, bot, bot.utf8.count, deadline, context, context.utf8.count, reading,
                buffer, capacity)
        }
    }

    func digest(_ user: String, _ bot: String, charactersMax: Int, capacity: Int = 65_536) -> Answer {
        call(capacity) { reading, buffer, capacity in
            afterthought_reader_digest(
                reader, user, user.utf8.count, bot, bot.utf8.count, 20_000, charactersMax, reading, buffer, capacity)
        }
    }

    func wait(_ milliseconds: UInt32 = 30_000) -> Int32 { afterthought_reader_wait(reader, milliseconds) }

    @discardableResult
    func close() -> Int32 { afterthought_reader_close(reader) }

    private func call(
        _ capacity: Int,
        _ body: (UnsafeMutablePointer<afterthought_reading>, UnsafeMutablePointer<CChar>, Int) -> Int32
    ) -> Answer {
        // What lies behind the buffer must stay as it was.
        var buffer = [CChar](repeating: 0x5A, count: capacity + 8)
        var reading = CCaller.emptyReading
        let status = buffer.withUnsafeMutableBufferPointer { body(&reading, $0.baseAddress!, capacity) }
        precondition(buffer[capacity...].allSatisfy { $0 == 0x5A }, "expected nothing to be written beyond the buffer")
        let end = buffer[..<capacity].firstIndex(of: 0) ?? 0
        return Answer(
            status: status, reading: reading,
            text: String(decoding: buffer[..<end].map(UInt8.init(bitPattern:)), as: UTF8.self))
    }

    static var emptyReading: afterthought_reading {
        var reading = afterthought_reading()
        reading.struct_bytes = UInt32(MemoryLayout<afterthought_reading>.size)
        reading.freshness = -9
        return reading
    }
}
