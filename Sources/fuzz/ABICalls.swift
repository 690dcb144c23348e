import CReader
import Glibc

/// A reader without a database, for calls that should get far.
private let openReader: afterthought_reader = {
    let conninfo = Array("host=/nonexistent dbname=none connect_timeout=2".utf8CString)
    var reader: afterthought_reader = 0
    let status = unsafe afterthought_reader_open(conninfo, conninfo.count - 1, nil, 0, &reader, nil, 0)
    if status != AFTERTHOUGHT_READER_OK { broken("a reader opens without a database") }
    return reader
}()

/// The C interface: any numbers, lengths and texts are answered with a status, and no byte beyond a buffer is written.
func fuzzABI(_ bytes: [UInt8]) {
    var source = bytes[...]
    while let command = source.popFirst() {
        let reader = number(command, &source)
        let user = text(&source)
        let bot = text(&source)
        let context = text(&source)
        let status: Int32
        switch command % 5 {
        case 0: status = unsafe read(reader, user, bot, context, &source)
        case 1: status = unsafe digest(reader, user, bot, &source)
        case 2: status = refusedOpen(context)
        // Of the open reader only others are closed, or the rest of the run would see nothing.
        case 3: status = reader == openReader ? AFTERTHOUGHT_READER_OK : afterthought_reader_close(reader)
        default: status = afterthought_reader_wait(reader, reader == openReader ? 0 : UInt32(command))
        }
        guard (-4...2).contains(status) else { broken("a status is one of the header's") }
        if unsafe strlen(afterthought_reader_status_text(status)) == 0 { broken("every status has a text") }
    }
}

private func number(_ command: UInt8, _ source: inout ArraySlice<UInt8>) -> afterthought_reader {
    if command & 0x80 == 0 { return openReader }
    var number: UInt64 = 0
    for _ in 0..<8 { number = number << 8 | UInt64(source.popFirst() ?? 0) }
    return number
}

private func text(_ source: inout ArraySlice<UInt8>) -> [CChar] {
    let count = Int(source.popFirst() ?? 0)
    defer { source = source.dropFirst(count) }
    return source.prefix(count).map { CChar(bitPattern: $0) }
}

private let canary: CChar = 0x5A

/// Calls with a buffer of some capacity, and looks whether what lies behind it was left alone.
private func withBuffer(
    _ source: inout ArraySlice<UInt8>,
    _ body: (UnsafeMutablePointer<afterthought_reading>, UnsafeMutablePointer<CChar>, Int) -> Int32
) -> Int32 {
    let capacity = Int(source.popFirst() ?? 0) * 16
    var buffer = [CChar](repeating: canary, count: capacity + 16)
    var reading = afterthought_reading()
    reading.struct_bytes = source.popFirst() == 1 ? 7 : UInt32(MemoryLayout<afterthought_reading>.size)
    let status = unsafe buffer.withUnsafeMutableBufferPointer { unsafe body(&reading, $0.baseAddress!, capacity) }
    if !buffer[capacity...].allSatisfy({ $0 == canary }) { broken("nothing is written beyond a buffer") }
    if status == AFTERTHOUGHT_READER_OK {
        let length = Int(reading.json_bytes)
        if length >= capacity || buffer[length] != 0 || buffer[..<length].contains(0) {
            broken("a text has the length that is reported")
        }
        if reading.freshness != AFTERTHOUGHT_READER_FALLBACK { broken("without a database there is only a fallback") }
    }
    return status
}

@unsafe
private func read(
    _ reader: afterthought_reader, _ user: [CChar], _ bot: [CChar], _ context: [CChar],
    _ source: inout ArraySlice<UInt8>
) -> Int32 {
    unsafe withBuffer(&source) { reading, buffer, capacity in
        unsafe afterthought_reader_read(
            reader, user, user.count, bot, bot.count, 1, context, context.count, reading, buffer, capacity)
    }
}

@unsafe
private func digest(
    _ reader: afterthought_reader, _ user: [CChar], _ bot: [CChar], _ source: inout ArraySlice<UInt8>
) -> Int32 {
    unsafe withBuffer(&source) { reading, buffer, capacity in
        unsafe afterthought_reader_digest(
            reader, user, user.count, bot, bot.count, 1, capacity, reading, buffer, capacity)
    }
}

/// Opens with options that are refused after they were read: the pool's size is out of bounds whatever else they say.
private func refusedOpen(_ options: [CChar]) -> Int32 {
    var options = options
    if let brace = options.firstIndex(of: CChar(UInt8(ascii: "{"))) {
        options.insert(contentsOf: Array("\"pool_size\":0,".utf8).map { CChar(bitPattern: $0) }, at: brace + 1)
    }
    var reader: afterthought_reader = 1
    var message = [CChar](repeating: canary, count: 40)
    let conninfo = Array("host=/nonexistent".utf8CString)
    let status = unsafe afterthought_reader_open(
        conninfo, conninfo.count - 1, options, options.count, &reader, &message, 32)
    if !message[32...].allSatisfy({ $0 == canary }) { broken("nothing is written beyond a buffer") }
    if status == AFTERTHOUGHT_READER_OK { return afterthought_reader_close(reader) }
    if reader != 0 { broken("an open that was refused gives no reader") }
    return status
}
