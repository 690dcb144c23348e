import Bytes
import CReader
import Foundation
import Postgres
import ReaderABI
import Support
import Testing

@Suite("The reader's C interface answers every call")
struct CallTests {
    private static let nowhere = "postgresql:///nothing?host=/nonexistent"

    @Test func versionsAndTexts() {
        #expect(afterthought_reader_abi_version() == UInt32(AFTERTHOUGHT_READER_ABI_VERSION))
        var texts: Set<String> = []
        for status in Int32(-5)...3 {
            texts.insert(String(cString: afterthought_reader_status_text(status)))
        }
        // Seven that are known, and one for the others.
        #expect(texts.count == 8)
    }

    @Test(
        "options that can't be used are refused with what was expected",
        arguments: [
            ("[]", "JSON object"), ("{", "JSON object"), ("{\"pool\":1}", "unknown key"),
            ("{\"pool_size\":\"2\"}", "whole number"), ("{\"pool_size\":0}", "poolSize to be 1…64, got: 0"),
            ("{\"serves_hits\":1}", "true or false"), ("{\"deadline_ms\":60001}", "deadlineMilliseconds"),
            ("{\"application_name\":7}", "63 bytes"),
        ])
    func refusedOptions(options: String, expected: String) {
        let (caller, status, message) = CCaller.open(Self.nowhere, options)
        #expect(status == AFTERTHOUGHT_READER_INVALID)
        #expect(caller.reader == 0)
        #expect(message.contains(expected), "\(message)")
    }

    @Test func aRefusedURLIsNotRepeated() {
        let (_, status, message) = CCaller.open("postgresql://u:hidden-password@[::1/d")
        #expect(status == AFTERTHOUGHT_READER_INVALID)
        #expect(!message.contains("hidden-password") && message.contains("database URL"))
    }

    @Test func messagesAreCutInWholeCharacters() {
        for capacity in 0..<80 {
            var reader: afterthought_reader = 7
            var message = [CChar](repeating: 0x5A, count: capacity + 4)
            let options = "{\"pool_size\":0}"
            let status = afterthought_reader_open(
                Self.nowhere, Self.nowhere.utf8.count, options, options.utf8.count, &reader, &message, capacity)
            #expect(status == AFTERTHOUGHT_READER_INVALID && reader == 0)
            #expect(message[capacity...].allSatisfy { $0 == 0x5A })
            guard capacity > 0 else { continue }
            let bytes = message[..<capacity].prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
            #expect(String(validating: bytes, as: UTF8.self) != nil)
        }
    }

    @Test func withoutADatabaseThereIsAFallback() throws {
        let caller = CCaller.open(Self.nowhere).caller
        defer { caller.close() }
        #expect(caller.wait(1) == AFTERTHOUGHT_READER_NOT_READY)
        let context = """
            {"messages":[{"role":"user","text":"How do I sail to the wind?","seconds_ago":14400},
             {"role":"bot","text":"Slowly","seconds_ago":14400}],"hour":12}
            """
        let answer = caller.read("u1", "elena", context: context)
        #expect(answer.status == AFTERTHOUGHT_READER_OK)
        #expect(answer.reading.freshness == AFTERTHOUGHT_READER_FALLBACK)
        #expect(answer.reading.age_seconds.isNaN && answer.reading.reflects_through.isNaN)
        #expect(answer.reading.messages_reflected == 0)
        #expect(answer.reading.json_bytes == UInt64(answer.text.utf8.count))
        let json = try #require(answer.json)
        #expect(json["freshness"]?.string == "missing")
        #expect(json["signals"]?["memory_health"]?.isNull == true)
        #expect(json["fallback"]?["conversation_patterns"]?["suggested_response_words"]?.int64 == 20)
        #expect(json["fallback"]?["engagement_opportunities"]?["may_write_first"]?.bool == true)
        #expect(caller.digest("u1", "elena", charactersMax: 100).text == "")
        #expect(caller.digest("u1", "elena", charactersMax: -1).status == AFTERTHOUGHT_READER_OK)
    }

    @Test func wrongArgumentsAreInvalid() {
        let caller = CCaller.open(Self.nowhere).caller
        defer { caller.close() }
        var reading = CCaller.emptyReading
        let reader = caller.reader
        func status(_ user: UnsafePointer<CChar>?, _ count: Int, deadline: UInt32 = 1, context: String = "") -> Int32 {
            afterthought_reader_read(
                reader, user, count, "b", 1, deadline, context, context.utf8.count, &reading, nil, 0)
        }
        #expect(status("u", 1) == AFTERTHOUGHT_READER_OK)
        #expect(reading.json_bytes == 0)
        #expect(status(nil, 0) == AFTERTHOUGHT_READER_OK)
        #expect(status(nil, 1) == AFTERTHOUGHT_READER_INVALID)
        #expect(status("u", -1) == AFTERTHOUGHT_READER_INVALID)
        #expect(status("u", .max) == AFTERTHOUGHT_READER_INVALID)
        #expect(status(String(repeating: "u", count: 256), 256) == AFTERTHOUGHT_READER_OK)
        #expect(status(String(repeating: "u", count: 257), 257) == AFTERTHOUGHT_READER_INVALID)
        #expect(status("\u{E9}", 1) == AFTERTHOUGHT_READER_INVALID)
        #expect(status("u", 1, deadline: 60_000) == AFTERTHOUGHT_READER_OK)
        #expect(status("u", 1, deadline: 60_001) == AFTERTHOUGHT_READER_INVALID)
        #expect(status("u", 1, context: "no json") == AFTERTHOUGHT_READER_INVALID)
        #expect(status("u", 1, context: "{\"hour\":24}") == AFTERTHOUGHT_READER_INVALID)
        #expect(afterthought_reader_read(reader, "u", 1, nil, 1, 1, nil, 0, nil, nil, 0) == AFTERTHOUGHT_READER_INVALID)
        #expect(afterthought_reader_read(reader, "u", 1, "b", 1, 1, nil, 0, nil, nil, 9) == AFTERTHOUGHT_READER_INVALID)
        #expect(afterthought_reader_read(reader, "u", 1, "b", 1, 1, nil, 9, nil, nil, 0) == AFTERTHOUGHT_READER_INVALID)
        #expect(afterthought_reader_read(reader, "u", 1, "b", 1, 1, nil, 0, nil, nil, 0) == AFTERTHOUGHT_READER_OK)
        reading.struct_bytes = 39
        #expect(status("u", 1) == AFTERTHOUGHT_READER_INVALID)
        #expect(afterthought_reader_open("", 0, "", 0, nil, nil, 0) == AFTERTHOUGHT_READER_INVALID)
        var other: afterthought_reader = 1
        #expect(afterthought_reader_open(nil, 5, "", 0, &other, nil, 0) == AFTERTHOUGHT_READER_INVALID)
        #expect(other == 0)
    }

    @Test func aBufferThatIsTooSmallSaysWhatItTakes() {
        let caller = CCaller.open(Self.nowhere).caller
        defer { caller.close() }
        let whole = caller.read("u1", "elena", deadline: 1)
        let count = whole.text.utf8.count
        for capacity in [0, 1, count / 2, count] {
            let cut = caller.read("u1", "elena", deadline: 1, capacity: capacity)
            #expect(cut.status == AFTERTHOUGHT_READER_TOO_SMALL)
            #expect(cut.text == "")
            #expect(cut.reading.json_bytes == UInt64(count))
            #expect(cut.reading.freshness == AFTERTHOUGHT_READER_FALLBACK)
        }
        #expect(caller.read("u1", "elena", deadline: 1, capacity: count + 1).text == whole.text)
    }

    @Test func aClosedReaderIsAnsweredForEver() {
        let first = CCaller.open(Self.nowhere).caller
        #expect(first.close() == AFTERTHOUGHT_READER_OK)
        // The next one takes its place, but never its number.
        let second = CCaller.open(Self.nowhere).caller
        defer { second.close() }
        #expect(second.reader != first.reader)
        #expect(first.close() == AFTERTHOUGHT_READER_CLOSED)
        #expect(first.wait(0) == AFTERTHOUGHT_READER_CLOSED)
        let answer = first.read("u1", "elena", capacity: 4)
        #expect(answer.status == AFTERTHOUGHT_READER_CLOSED)
        #expect(answer.text == "")
        for number: UInt64 in [0, 1, 64, 255, 256, .max, second.reader &+ 1, second.reader ^ 1 << 20] {
            #expect(CCaller(reader: number).read("u", "b").status == AFTERTHOUGHT_READER_CLOSED, "\(number)")
            #expect(CCaller(reader: number).close() == AFTERTHOUGHT_READER_CLOSED, "\(number)")
        }
        #expect(second.read("u1", "elena", deadline: 1).status == AFTERTHOUGHT_READER_OK)
    }

    @Test func threadsMayReadWhileOneCloses() {
        for _ in 0..<20 {
            let caller = CCaller.open(Self.nowhere).caller
            DispatchQueue.concurrentPerform(iterations: 8) { index in
                for turn in 0..<50 {
                    if index == 0, turn == 25 { #expect(caller.close() == AFTERTHOUGHT_READER_OK) }
                    let status = caller.read("u\(index)", "elena", deadline: 1).status
                    #expect(status == AFTERTHOUGHT_READER_OK || status == AFTERTHOUGHT_READER_CLOSED)
                }
            }
            #expect(caller.read("u", "b").status == AFTERTHOUGHT_READER_CLOSED)
        }
    }
}
