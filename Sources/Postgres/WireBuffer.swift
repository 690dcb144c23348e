/// A growing run of bytes in PostgreSQL's binary form: integers are big endian, fields carry their length before them.
///
/// All unsafe writing of the codecs sits here. Faults (a NUL in text, a field over the protocol's limit) are remembered
/// and reported before anything is sent.
@safe
package struct WireBuffer: ~Copyable {
    /// The largest field PostgreSQL accepts, in bytes (1 GB less its header).
    static let fieldBytesMax = 0x3FFF_FFFF

    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    /// Bytes written so far.
    package private(set) var count = 0
    /// The first thing written that can't be sent; nil when all is well.
    private(set) var fault: String?

    init(capacity: Int = 512) {
        unsafe base = .allocate(byteCount: capacity, alignment: 16)
        self.capacity = capacity
    }

    deinit { unsafe base.deallocate() }

    /// Forgets what was written and keeps the memory, unless it is more than `bytesKeptMax`.
    mutating func removeAll(bytesKeptMax: Int = 1 << 20) {
        count = 0
        fault = nil
        if capacity > bytesKeptMax {
            unsafe base.deallocate()
            capacity = 512
            unsafe base = .allocate(byteCount: capacity, alignment: 16)
        }
    }

    /// Makes room for more bytes.
    @inline(__always)
    package mutating func reserve(_ additional: Int) {
        if count &+ additional > capacity { grow(additional) }
    }

    @inline(never)
    private mutating func grow(_ additional: Int) {
        let larger = max(capacity * 2, count + additional)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        unsafe memory.copyMemory(from: base, byteCount: count)
        unsafe base.deallocate()
        unsafe base = memory
        capacity = larger
    }

    /// Appends an integer, highest byte first.
    @inline(__always)
    package mutating func append<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        let size = MemoryLayout<Value>.size
        reserve(size)
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: count, as: Value.self)
        count &+= size
    }

    /// Appends raw bytes.
    @inline(__always)
    mutating func append(bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        reserve(bytes.count)
        unsafe (base + count).copyMemory(from: start, byteCount: bytes.count)
        count &+= bytes.count
    }

    /// Appends raw bytes.
    package mutating func append(bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { unsafe append(bytes: $0) }
    }

    /// Appends the bytes of text, and remembers a fault if there is a NUL among them, which no text type can hold.
    package mutating func append(text: String) {
        var text = text
        text.withUTF8 { utf8 in
            let raw = UnsafeRawBufferPointer(utf8)
            if unsafe raw.contains(0) {
                fail("text holds a NUL character, which PostgreSQL cannot store")
                return
            }
            unsafe append(bytes: raw)
        }
    }

    /// Overwrites four bytes written before.
    mutating func overwrite(_ value: Int32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= count, "offset \(offset) outside of \(count) bytes")
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Int32.self)
    }

    /// Appends a field: its length in four bytes, then what the closure writes.
    @inline(__always)
    mutating func appendField(_ body: (inout WireBuffer) -> Void) {
        let start = count
        append(Int32(0))
        body(&self)
        let size = count - start - 4
        if size > WireBuffer.fieldBytesMax { fail("a value of \(size) bytes is over PostgreSQL's limit of 1 GB") }
        overwrite(Int32(truncatingIfNeeded: size), at: start)
    }

    /// Remembers the first reason why this can't be sent.
    mutating func fail(_ reason: String) {
        if fault == nil { fault = reason }
    }

    /// The four-byte integer written at an offset.
    func integer(at offset: Int) -> Int32 {
        precondition(offset >= 0 && offset + 4 <= count, "offset \(offset) outside of \(count) bytes")
        return unsafe Int32(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: Int32.self))
    }

    /// Calls a closure with the start of the bytes, valid only meanwhile.
    func withStart<Result, Failure: Error>(
        _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(UnsafePointer(base.assumingMemoryBound(to: CChar.self)))
    }
}
