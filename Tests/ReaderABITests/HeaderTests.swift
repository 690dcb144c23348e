import Foundation
import Testing

@Suite("The C header of the reader")
struct HeaderTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// Runs a program of the toolchain with some input.
    ///
    /// - Returns: what it printed, and its status.
    private static func run(_ command: String, input: String) throws -> (output: String, status: Int32) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("header-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("input")
        try input.write(to: file, atomically: true, encoding: .utf8)
        let pipe = popen("cd '\(root.path)' && \(command) < '\(file.path)' 2>&1", "r")
        var output = ""
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, Int32(line.count), pipe) != nil {
            output += String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
        return (output, pclose(pipe))
    }

    @Test(
        "a program in C or C++ compiles with it, without a warning",
        arguments: [("c", "c99"), ("c", "c11"), ("c", "c17"), ("c++", "c++11"), ("c++", "c++20")])
    func compiles(language: String, standard: String) throws {
        let program = """
            #include "afterthought_reader.h"
            #include "afterthought_reader.h"
            int main(void) {
                afterthought_reader reader = 0;
                afterthought_reading reading;
                char buffer[64];
                reading.struct_bytes = sizeof reading;
                if (afterthought_reader_abi_version() < AFTERTHOUGHT_READER_ABI_VERSION) return 1;
                if (afterthought_reader_open("", 0, "", 0, &reader, buffer, sizeof buffer)) return 1;
                afterthought_reader_wait(reader, 1);
                afterthought_reader_read(reader, "u", 1, "b", 1, 5, 0, 0, &reading, buffer, sizeof buffer);
                afterthought_reader_digest(reader, "u", 1, "b", 1, 5, 60, &reading, buffer, sizeof buffer);
                (void)afterthought_reader_status_text(AFTERTHOUGHT_READER_FORKED);
                return afterthought_reader_close(reader) == AFTERTHOUGHT_READER_OK ? 0 : 1;
            }
            """
        // The compiler that comes with Swift.
        let clang = "\"$(command -v clang || echo \"$(dirname \"$(readlink -f \"$(command -v swift)\")\")/clang\")\""
        let result = try Self.run(
            "\(clang) -x \(language) -std=\(standard) -Wall -Wextra -Wpedantic -Werror -fsyntax-only "
                + "-ISources/CReader/include -", input: program)
        #expect(result.status == 0, "\(result.output)")
        let broken = try Self.run(
            "\(clang) -x \(language) -std=\(standard) -Werror -fsyntax-only -ISources/CReader/include -",
            input: program.replacingOccurrences(of: "reader, 1)", with: "\"1\", 1)"))
        #expect(broken.status != 0, "expected a wrong call to be refused")
    }

    /// The functions that the header declares.
    private static func declared() throws -> Set<String> {
        let header = try text("Sources/CReader/include/afterthought_reader.h")
        let uncommented = header.replacing(#/(?s)\/\*.*?\*\//#, with: "")
        return Set(uncommented.matches(of: #/(afterthought_reader_\w+)\s*\(/#).map { String($0.output.1) })
    }

    @Test func everyDeclaredFunctionIsImplementedAndNoOther() throws {
        let source = try Self.text("Sources/ReaderABI/ReaderABI.swift")
        let implemented = Set(source.matches(of: #/public func (\w+)\(/#).map { String($0.output.1) })
        #expect(try Self.declared() == implemented)
        // With it the compiler compares each with its declaration.
        #expect(source.matches(of: #/@c @implementation\npublic func/#).count == implemented.count)
        #expect(implemented.count == 7)
    }

    @Test func theLibraryExportsWhatTheHeaderDeclares() throws {
        // Beside the test bundle, which the same build made.
        let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
        let library = [folder, Self.root.path + "/.build/debug"].map { $0 + "/libafterthought_reader.so" }
            .first { FileManager.default.fileExists(atPath: $0) }
        let path = try #require(library, "expected the build to make libafterthought_reader.so in \(folder)")
        let result = try Self.run("nm -D --defined-only '\(path)'", input: "")
        let exported = Set(result.output.matches(of: #/ T (afterthought_reader_\w+)/#).map { String($0.output.1) })
        #expect(try Self.declared() == exported)
    }
}
