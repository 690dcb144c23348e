import CLibPQ

/// The values of one statement, in binary form, in the order of `$1`, `$2`, ….
@safe
package struct Parameters: ~Copyable {
    /// The most parameters one statement can have.
    package static let countMax = Int(PQ_QUERY_PARAM_MAX_LIMIT)

    private var buffer = WireBuffer()
    private var offsets: [Int] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []
    private var types: [UInt32] = []
    private var pointers: [UnsafePointer<CChar>?] = unsafe []

    init() {}

    /// How many values were appended.
    package var count: Int { offsets.count }

    /// Appends the next value; nil is null.
    package mutating func append<Value: PostgresEncodable>(_ value: Value) {
        let start = buffer.count
        value.encodeField(into: &buffer)
        let length = buffer.integer(at: start)
        offsets.append(length < 0 ? -1 : start + 4)
        lengths.append(max(length, 0))
        formats.append(1)
        types.append(Value.postgresType.oid)
    }

    /// Appends several values in order.
    package mutating func append<each Value: PostgresEncodable>(all value: repeat each Value) {
        repeat append(each value)
    }

    /// Forgets all values and keeps the memory.
    mutating func removeAll() {
        buffer.removeAll()
        offsets.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        formats.removeAll(keepingCapacity: true)
        types.removeAll(keepingCapacity: true)
    }

    /// Throws if a value can't be sent.
    func check() throws(PostgresError) {
        if let fault = buffer.fault { throw PostgresError(.misuse, fault) }
        if count > Parameters.countMax {
            throw PostgresError(.misuse, "expected at most \(Parameters.countMax) parameters, got: \(count)")
        }
    }

    /// Calls a closure with the arrays libpq wants, valid only meanwhile.
    mutating func withArguments<Result>(_ body: (Arguments) -> Result) -> Result {
        unsafe pointers.removeAll(keepingCapacity: true)
        unsafe buffer.withStart { start in
            for offset in offsets { unsafe pointers.append(offset < 0 ? nil : start + offset) }
        }
        return unsafe types.withUnsafeBufferPointer { types in
            unsafe pointers.withUnsafeBufferPointer { pointers in
                unsafe lengths.withUnsafeBufferPointer { lengths in
                    unsafe formats.withUnsafeBufferPointer { formats in
                        unsafe body(
                            Arguments(
                                count: Int32(offsets.count), types: types.baseAddress, values: pointers.baseAddress,
                                lengths: lengths.baseAddress, formats: formats.baseAddress))
                    }
                }
            }
        }
    }

    /// The parameter arrays of libpq's functions.
    @unsafe
    struct Arguments {
        let count: Int32
        let types: UnsafePointer<Oid>?
        let values: UnsafePointer<UnsafePointer<CChar>?>?
        let lengths: UnsafePointer<Int32>?
        let formats: UnsafePointer<Int32>?
    }
}
