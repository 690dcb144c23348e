import CAssets

/// A file that was compiled into the binary.
struct EmbeddedAsset: Sendable {
    /// The file's name; a migration's without its ending.
    let name: String
    let bytes: [UInt8]

    /// Copies an asset out of the binary's constant data.
    init(_ asset: afterthought_asset) {
        // Safe because the C side gives a constant array with its length and a zero-terminated literal.
        name = unsafe String(cString: asset.name)
        bytes = unsafe Array(UnsafeBufferPointer(start: asset.bytes, count: asset.count))
    }

    /// The bytes as UTF-8 text.
    var text: String { String(decoding: bytes, as: UTF8.self) }
}
