import Bytes
import Testing

@Suite("Stable hashes, SHA-256, UTF-8")
struct HashTests {
    @Test(
        "FNV-1a gives its published values",
        arguments: [
            ("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8),
        ] as [(String, UInt64)])
    func fnv(text: String, expected: UInt64) {
        #expect(text.utf8.reduce(StableHash.basis) { StableHash.fnv1a($0, $1) } == expected)
    }

    @Test("SipHash-2-4 gives the values of its paper")
    func sip() {
        let key: (UInt64, UInt64) = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
        #expect(StableHash.keyed([], key: key) == 0x726f_db47_dd0e_0e31)
        #expect(StableHash.keyed((0..<15).map { UInt8($0) }, key: key) == 0xa129_ca61_49be_45e5)
        #expect(StableHash.keyed("abc", key: (1, 2)) != StableHash.keyed("abc", key: (2, 1)))
    }

    @Test("hashes that are stored never change")
    func pinned() {
        #expect(StableHash.hash("weather") == 0x13ceadb03f5104bd)
        #expect(StableHash.hash("weather", seed: 7) == 0x20b828ffc99516ea)
        #expect(StableHash.mix(1) == 0xb456_bcfc_34c2_cb2c)
        #expect(StableHash.hash("a", seed: 1) != StableHash.hash("a", seed: 2))
        #expect(StableHash.combine(1, 2) != StableHash.combine(2, 1))
    }

    @Test(
        "SHA-256 gives the values of FIPS 180-4",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                String(repeating: "a", count: 1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
            ),
        ])
    func sha256(text: String, expected: String) {
        #expect(SHA256.hexadecimal(text) == expected)
        #expect(Hexadecimal.decode(expected.uppercased()) == SHA256.hash(Array(text.utf8)))
    }

    @Test("hexadecimal text that is none")
    func hexadecimal() {
        #expect(Hexadecimal.decode("abc") == nil)
        #expect(Hexadecimal.decode("zz") == nil)
        #expect(Hexadecimal.encode([0, 15, 255]) == "000fff")
    }

    @Test("the first byte that is not UTF-8")
    func validation() {
        #expect(UTF8Text.firstInvalidOffset(in: Array("a\u{0}é😀".utf8)) == nil)
        #expect(UTF8Text.firstInvalidOffset(in: [0x61, 0xC3]) == 1)
        #expect(UTF8Text.firstInvalidOffset(in: [0x61, 0xED, 0xA0, 0x80]) == 1)
        #expect(UTF8Text.firstInvalidOffset(in: [0xC0, 0x80]) == 0)
    }

    @Test("scalars are read and written, bad bytes become U+FFFD")
    func scalars() {
        for scalar: Unicode.Scalar in ["a", "\u{80}", "\u{7FF}", "\u{800}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}"] {
            var bytes: [UInt8] = []
            UTF8Text.append(scalar, to: &bytes)
            #expect(bytes == Array(String(scalar).utf8))
            let read = UTF8Text.scalar(in: bytes.span, at: 0)
            #expect(read.scalar == scalar && read.length == bytes.count)
        }
        for bad: [UInt8] in [
            [0x80], [0xC1, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82],
        ] {
            let read = UTF8Text.scalar(in: bad.span, at: 0)
            #expect(read.scalar == "\u{FFFD}" && read.length == 1)
        }
    }

    @Test("a prefix cuts no scalar")
    func prefixes() {
        let text = Array("aé😀".utf8)
        #expect((0...8).map { UTF8Text.prefixLength(text.span, bytesMax: $0) } == [0, 1, 1, 3, 3, 3, 3, 7, 7])
        #expect(UTF8Text.scalarCount(text.span) == 3)
        #expect(UTF8Text.isASCII("abc".utf8.span) && !UTF8Text.isASCII(text.span))
    }
}
