import Bytes
import Testing

@testable import LanguageModel

@Suite("Language model: redaction")
struct RedactionTests {
    @Test(arguments: [
        ("write to jane.doe+x@example.co.uk.", "write to [email]."),
        ("(mailto:a@b.de),c_d@e-f.org", "(mailto:[email]),[email]"),
        ("jürgen@müller.de and ＠ alone, me@localhost", "[email] and ＠ alone, [email]"),
        ("see @anna at 5@ noon", "see @anna at 5@ noon"),
        ("https://user:pw@host.example/x?y=1 ok", "[url] ok"),
        ("go to (ftp://me@host/a)", "go to ([url]"),
        ("https://a.example/x?page=2&api_key=abc", "[url]"),
        ("https://a.example/cb#access_token=abc", "[url]"),
        ("https://a.example/x?page=2#part", "https://a.example/x?page=2#part"),
        ("call +49 (0)30 1234-567 now", "call [phone] now"),
        ("call +4930123456", "call [phone]"),
        ("(555) 123-4567 or 06 12 34 56 78", "[phone] or [phone]"),
        ("card 4111 1111 1111 1111, 4111111111111111", "card [number], [number]"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN DE[number]"),
        ("order 1234567 of ٠١٢٣٤٥٦٧٨", "order [number] of [number]"),
        ("on 2024-05-06, 6.5.2024 or 05/06/2024 at 10:30", "on 2024-05-06, 6.5.2024 or 05/06/2024 at 10:30"),
        ("2024-05-06 1234567", "2024-05-06 [number]"),
        ("999-99-999999", "[phone]"),
        ("it costs 1,500,000 or 123456 or 3.14", "it costs 1,500,000 or 123456 or 3.14"),
        ("card 4111 - 1111 - 1111 - 1111.", "card [number]."),
        ("card 4111 \u{2013} 1111 \u{2013} 1111 \u{2013} 1111", "card [number]"),
        ("card 4111_1111_1111_1111, id_4111_1111_1111_1111", "card [number], id_[number]"),
        ("1990 - 1995 - 2000, pages 10 - 20 - 30", "1990 - 1995 - 2000, pages 10 - 20 - 30"),
        ("from 2024-05-06 - 2024-05-07 - 2024-05-08", "from 2024-05-06 - 2024-05-07 - 2024-05-08"),
        ("12 - 2024-05-06 - 2024-05-07", "12 - 2024-05-06 - 2024-05-07"),
        ("1_000_000 in v_2024_05_06", "1_000_000 in v_2024_05_06"),
        ("4111 --- 1111 --- 1111 --- 1111", "4111 --- 1111 --- 1111 --- 1111"),
        ("to \"john.doe\"@example.com, \u{201C}john\u{201D}@example.com", "to [email], [email]"),
        (#"say "@anna" or "yes"@home or ("@example.com")"#, #"say "@anna" or "yes"@home or ("@example.com")"#),
        ("sk-abcdefghijklmnop, KEY=sk-proj-Ab3dEf9h_xyz-0123abcd!", "[key], KEY=[key]!"),
        ("ghp_0123456789abcdefABCDEF0123456789abcd", "[key]"),
        ("sk-abc sk-learn-based-classifiers sk-SK", "sk-abc sk-learn-based-classifiers sk-SK"),
        ("ask-abcdefghijklmnop task_abcdefghijklmnopq", "ask-abcdefghijklmnop task_abcdefghijklmnopq"),
        ("nothing\n\n  to hide\t!", "nothing\n\n  to hide\t!"),
        ("", ""),
    ])
    func replacesWhatIdentifies(text: String, expected: String) {
        #expect(Redaction.redacted(text) == expected)
    }

    @Test func redactingTwiceChangesNothingMore() {
        let parts = [
            "a@b.de", "@", "+", "(", "12", "3456789", " ", "-", ".", "://", "https", "x?key=1", "/", "\n", "é", "٣",
            "word",
            "2024-05-06", ",", "[email]", "_", " - ", "4111", "\"", "sk-", "abcdefghijklmnop",
        ]
        var random = SeededRandom(seed: 7)
        for _ in 0..<5_000 {
            let text = (0..<Int.random(in: 1...12, using: &random)).map { _ in parts.randomElement(using: &random)! }
                .joined()
            let once = Redaction.redacted(text)
            #expect(Redaction.redacted(once) == once, "\(text)")
        }
    }

    @Test func aRequestIsRedactedWhole() {
        let request = ChatRequest(instructions: "ask a@b.de", input: "+49 30 1234567", completionTokensMax: 9)
        #expect(
            request.redacted == ChatRequest(instructions: "ask [email]", input: "[phone]", completionTokensMax: 9))
    }
}
