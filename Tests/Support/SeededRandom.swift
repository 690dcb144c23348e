import Bytes

/// The generator of the product, under the name that property tests know.
package typealias SeededRandom = Bytes.SeededRandom
