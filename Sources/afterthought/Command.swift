/// One command of the command line, as data: parsing, checking and the help page all follow from it.
struct Command: Sendable {
    /// How a command runs.
    enum Body: Sendable {
        /// Blocks the main thread, which has nothing else to do.
        case blocking(@Sendable (Invocation) throws -> ExitCode)
        case concurrent(@Sendable (Invocation) async throws -> ExitCode)
    }

    let name: String
    /// One line, without a full stop.
    let summary: String
    /// Paragraphs below the usage line.
    var details: [String] = []
    var arguments: [Argument] = []
    var options: [Option] = []
    /// Whether it takes the options that choose a database.
    var usesDatabase = true
    /// Lines that show it in use, without the program's name.
    var examples: [String] = []
    let body: Body

    /// Every option it takes, the common ones included.
    var allOptions: [Option] { options + (usesDatabase ? Option.database : []) + Option.common }
}

/// A value that follows the command without a name.
struct Argument: Sendable {
    /// In capitals, as the help shows it.
    let name: String
    let help: String
    var isRequired = true
}

/// A named option.
struct Option: Sendable {
    /// What a value has to be.
    enum Check: Sendable {
        case text
        case integer(ClosedRange<Int>)
        case number(ClosedRange<Double>)
        case choice([String])
        /// 0…100, with or without its sign.
        case percent

        /// What a value may be, for people; nil: any text.
        var range: String? {
            switch self {
            case .text: nil
            case .integer(let range): "\(range.lowerBound)…\(range.upperBound)"
            case .number(let range): Self.spoken(range.lowerBound) + "…" + Self.spoken(range.upperBound)
            case .percent: "0…100 %"
            case .choice(let values): values.joined(separator: " or ")
            }
        }

        private static func spoken(_ bound: Double) -> String {
            bound == bound.rounded() ? "\(Int(bound))" : "\(bound)"
        }

        /// The expectation, as messages put it, or nil if the value meets it.
        func unmetExpectation(_ value: String) -> String? {
            switch self {
            case .text: value.isEmpty ? "not empty" : nil
            case .integer(let allowed): Int(value).map { allowed.contains($0) } == true ? nil : range
            case .number(let allowed): Double(value).map { allowed.contains($0) } == true ? nil : range
            case .percent: Command.percent(value) == nil ? range : nil
            case .choice(let values): values.contains(value) ? nil : range
            }
        }
    }

    /// Without the dashes.
    let name: String
    /// What stands for the value in the help; nil: a flag.
    var value: String?
    let help: String
    var check = Check.text
    var isRepeatable = false
    /// The variable that gives the value when the option is not there.
    var environmentKey: String?

    /// The options that choose a database.
    static let database = [
        Option(
            name: "database-url", value: "URL",
            help: "the database; else AFTERTHOUGHT_DATABASE_URL, or what is in the file that "
                + "AFTERTHOUGHT_DATABASE_URL_FILE names, DATABASE_URL or libpq's PG* variables"),
        Option(name: "embedded", help: "use the private PostgreSQL server of this machine, started if need be"),
        Option(
            name: "data-folder", value: "PATH", help: "where the private server keeps its data",
            environmentKey: "AFTERTHOUGHT_DATA_FOLDER"),
        Command.configurationFile,
    ]

    /// The options of every command.
    static let common = [Option(name: "help", help: "show this page")]

    static let json = Option(name: "json", help: "print JSON instead of tables")
}

/// A command with what it was given, checked.
struct Invocation: Sendable {
    let command: Command
    /// The arguments in order.
    let arguments: [String]
    /// The values of each option, in order; a flag has one empty value.
    let values: [String: [String]]
    /// The variables, and under them the configuration file.
    let environment: [String: String]
    /// Where values of the file are from, by key.
    var fileLines: [String: String] = [:]
    /// Understands the same words again, with the file as it is by then.
    var again: @Sendable () throws -> Invocation

    /// Whether a flag was given.
    func isSet(_ option: String) -> Bool { values[option] != nil }

    /// The value of an option, the last if it was repeated.
    func value(_ option: String) -> String? { values[option]?.last }

    /// The value of an option that has a whole number.
    func integer(_ option: String) -> Int? { value(option).flatMap { Int($0) } }

    /// The value of an option that has a number.
    func number(_ option: String) -> Double? { value(option).flatMap { Double($0) } }

    /// Where the private server's programs are, if that was said.
    var postgresPrograms: String? {
        environment["AFTERTHOUGHT_POSTGRES_BIN"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Whether results are printed as JSON.
    var wantsJSON: Bool { isSet("json") }
}
