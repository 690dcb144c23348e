import CAssets

/// A part of the dashboard's page that ships with the binary.
package struct PageAsset: Sendable {
    /// The file's name; its ending says what it is.
    package let name: String
    package let text: String

    /// All parts: the markup first, then styles and scripts in the order of their use.
    package static var all: [PageAsset] {
        (0..<afterthought_page_part_count()).map { place in
            // Safe because the place is below the count, and the asset is a constant of the binary.
            let asset = unsafe EmbeddedAsset(afterthought_page_part_at(place))
            return PageAsset(name: asset.name, text: asset.text)
        }
    }
}
