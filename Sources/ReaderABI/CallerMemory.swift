import CReader

/// Texts and buffers of a C caller: every length is checked before a byte is touched.
enum CallerMemory {
    /// Copies a caller's text.
    ///
    /// - Parameters:
    ///   - pointer: where it is; NULL for an empty one.
    ///   - count: bytes.
    ///   - countMax: bytes at most; what is longer is taken for a wrong length and not read.
    /// - Returns: nil for a wrong length and for what is no UTF-8.
    static func text(_ pointer: UnsafePointer<CChar>?, _ count: Int, countMax: Int32) -> String? {
        guard count >= 0, count <= Int(countMax) else { return nil }
        guard let pointer = unsafe pointer else { return count == 0 ? "" : nil }
        return unsafe pointer.withMemoryRebound(to: UInt8.self, capacity: count) { bytes in
            unsafe String(validating: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
        }
    }

    /// Writes a whole text and a NUL, or with too little room the NUL alone.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8.
    ///   - buffer: the caller's; NULL with capacity 0: nothing is wanted.
    ///   - capacity: its bytes.
    /// - Returns: OK or TOO_SMALL.
    static func write(_ bytes: [UInt8], to buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int) -> Int32 {
        guard let buffer = unsafe buffer else { return AFTERTHOUGHT_READER_OK }
        guard capacity > bytes.count else {
            if capacity > 0 { unsafe buffer[0] = 0 }
            return AFTERTHOUGHT_READER_TOO_SMALL
        }
        unsafe fill(buffer, bytes[...])
        return AFTERTHOUGHT_READER_OK
    }

    /// Writes as much of a text as there is room for, in whole characters, and a NUL.
    static func writeCut(_ text: String, to buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int) {
        guard let buffer = unsafe buffer, capacity > 0 else { return }
        let bytes = Array(text.utf8)
        var count = min(bytes.count, capacity - 1)
        while count > 0, count < bytes.count, bytes[count] & 0xC0 == 0x80 { count -= 1 }
        unsafe fill(buffer, bytes[..<count])
    }

    private static func fill(_ buffer: UnsafeMutablePointer<CChar>, _ bytes: ArraySlice<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { source in
            for index in source.indices { unsafe buffer[index] = CChar(bitPattern: source[index]) }
        }
        unsafe buffer[bytes.count] = 0
    }
}
