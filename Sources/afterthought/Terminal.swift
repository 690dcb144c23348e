import Glibc

/// Where output goes: results to standard output, everything else to standard error, each line in one write.
enum Terminal {
    /// Whether standard error is a terminal that can redraw a line.
    static let showsProgress = isatty(2) == 1 && (variable("TERM") ?? "dumb") != "dumb"
    /// Whether standard output may have colours.
    static let hasColour = isatty(1) == 1 && variable("NO_COLOR") == nil && (variable("TERM") ?? "dumb") != "dumb"

    /// Writes results.
    static func print(_ text: String) { write(text + "\n", to: 1) }

    /// Writes results as they are.
    static func printRaw(_ text: String) { write(text, to: 1) }

    /// Writes a remark or an error.
    static func note(_ text: String) { write(text + "\n", to: 2) }

    /// Writes to standard error without a line end.
    static func noteRaw(_ text: String) { write(text, to: 2) }

    /// How many columns the terminal has.
    static var columns: Int {
        var size = winsize()
        guard unsafe ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Text in bold, where that can be seen.
    static func bold(_ text: String) -> String { hasColour ? "\u{1B}[1m\(text)\u{1B}[0m" : text }

    /// Text in a colour 31 red, 32 green, 33 yellow, where that can be seen.
    static func coloured(_ text: String, _ colour: Int) -> String {
        hasColour ? "\u{1B}[\(colour)m\(text)\u{1B}[0m" : text
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress!, $0.count) }
            if count < 0, errno == EINTR { continue }
            // Nobody reads any more, as with `| head`: there is nobody to tell either.
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    private static func variable(_ name: String) -> String? {
        // Copied at once; nothing here changes the environment.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
