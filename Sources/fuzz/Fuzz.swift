import Bytes
import Glibc
import Synchronization

// Fuzzers of everything that reads what others wrote.
//
// Built with `--sanitize=fuzzer -Xswiftc -DCOVERAGE_GUIDED` (`make fuzz`) libFuzzer has the main function and searches
// for inputs by the code that they reach. Built without, inputs are replayed, seeds written and a server attacked.
//
// Source: LLVM, "libFuzzer – a library for coverage-guided fuzz testing".

/// One thing that is fuzzed.
enum FuzzTarget: Int, CaseIterable {
    case json, csv, jsonl, text, state, refold, fold, url, time, abi

    var name: String { "\(self)" }

    /// Bytes of an input: enough to reach everything, few enough to be fast.
    var bytesMax: Int {
        switch self {
        case .json, .csv, .jsonl: 4096
        case .text: 2048
        case .state, .refold: 16_384
        case .fold, .abi: 1024
        case .url, .time: 512
        }
    }

    /// Tries one input; a broken promise ends the process.
    func run(_ bytes: [UInt8]) {
        switch self {
        case .json: fuzzJSON(bytes)
        case .csv: fuzzImport(bytes, .csv)
        case .jsonl: fuzzImport(bytes, .jsonl)
        case .text: fuzzText(bytes)
        case .state: fuzzState(bytes)
        case .refold: fuzzRefold(bytes)
        case .fold: fuzzFold(bytes)
        case .url: fuzzURL(bytes)
        case .time: fuzzTime(bytes)
        case .abi: fuzzABI(bytes)
        }
    }

    static func named(_ name: String) -> FuzzTarget? { allCases.first { $0.name == name } }

    static var names: String { allCases.map(\.name).joined(separator: ", ") }
}

/// Ends the process, because something did what it must never do.
func broken(_ promise: String) -> Never {
    say("BROKEN PROMISE: \(promise)")
    #if COVERAGE_GUIDED
        abort()
    #else
        exit(1)
    #endif
}

/// Writes a line to standard error, unbuffered: what is buffered is lost in a crash.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
}

/// Ends the process over a command line that can't be used.
func misuse(_ message: String) -> Never {
    say(message)
    say(
        """
        usage: fuzz TARGET --seconds N --seed N [CORPUS FOLDER …]   (built by `make fuzz`)
               fuzz TARGET --hex BYTES                              replay one input
               fuzz seeds FOLDER                                    write inputs to start from
               fuzz http PORT --seconds N --seed N                  malformed requests to a port of this machine
        targets: \(FuzzTarget.names)
        """)
    exit(64)
}

/// The options after a command.
struct FuzzOptions {
    var seconds: UInt64 = 30
    var seed: UInt64 = 1
    var hex: String?
    var rest: [String] = []

    init(_ arguments: [String]) {
        var left = arguments[...]
        func number(_ name: String) -> UInt64 {
            guard let text = left.popFirst(), let value = UInt64(text), value <= 1 << 31 else {
                misuse("expected `\(name)` to be followed by a whole number")
            }
            return value
        }
        while let argument = left.popFirst() {
            switch argument {
            case "--seconds": seconds = number(argument)
            case "--seed": seed = number(argument)
            case "--hex": hex = left.popFirst()
            default: rest.append(argument)
            }
        }
    }
}

#if COVERAGE_GUIDED
    private let chosen = Atomic<Int>(0)

    /// Turns the arguments into libFuzzer's before it reads them.
    @c
    public func LLVMFuzzerInitialize(
        _ count: UnsafeMutablePointer<CInt>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
    ) -> CInt {
        let given = CommandLine.arguments
        guard given.count > 1, let target = FuzzTarget.named(given[1]) else { misuse("expected a target") }
        chosen.store(target.rawValue, ordering: .relaxed)
        let options = FuzzOptions(Array(given.dropFirst(2)))
        let all =
            [
                given[0], "-max_total_time=\(options.seconds)", "-seed=\(options.seed)", "-max_len=\(target.bytesMax)",
                "-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=256", "-print_final_stats=1", "-verbosity=1",
            ] + options.rest
        // libFuzzer keeps them until the process ends, so nothing frees them.
        let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: all.count + 1)
        for (index, argument) in all.enumerated() { unsafe list[index] = strdup(argument) }
        unsafe list[all.count] = nil
        unsafe arguments.pointee = list
        unsafe count.pointee = CInt(all.count)
        return 0
    }

    /// Tries one input for libFuzzer.
    @c
    public func LLVMFuzzerTestOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
        let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
        FuzzTarget(rawValue: chosen.load(ordering: .relaxed))?.run(bytes)
        return 0
    }
#else
    @main
    struct Fuzz {
        static func main() {
            let arguments = Array(CommandLine.arguments.dropFirst())
            guard let command = arguments.first else { misuse("expected a command") }
            let options = FuzzOptions(Array(arguments.dropFirst()))
            switch command {
            case "seeds":
                guard let folder = options.rest.first else { misuse("expected a folder") }
                writeSeeds(to: folder)
            case "http":
                guard let port = options.rest.first.flatMap({ UInt16($0) }) else { misuse("expected a port") }
                var attack = HTTPAttack(port: port, seed: options.seed)
                attack.run(seconds: options.seconds)
            default:
                guard let target = FuzzTarget.named(command) else { misuse("expected a target, got: \(command)") }
                guard let hex = options.hex, let bytes = Hexadecimal.decode(hex) else {
                    misuse("expected a build by `make fuzz`, or `--hex` with an input to replay")
                }
                target.run(bytes)
                say("\(target.name): \(bytes.count) bytes, every promise kept")
            }
        }
    }
#endif
