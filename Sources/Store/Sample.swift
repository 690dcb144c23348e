import CAssets

/// Real conversations that ship with the binary, for the demo and the tests: 5,210 messages of 64 pairs.
///
/// Source: byu_chitchat (MIT licence; see `Sources/CAssets/sample`).
package enum Sample {
    /// CSV with the columns message_id, conversation_id, user_id, bot_name, role, content and created_at.
    package static var csv: [UInt8] {
        // Safe because the asset is a constant of the binary.
        unsafe EmbeddedAsset(afterthought_sample_csv()).bytes
    }
}
