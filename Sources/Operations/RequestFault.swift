import Bytes

/// A request that is not what it has to be.
struct RequestFault: Error, Sendable {
    let status: Int
    let message: String
    let hint: String?

    init(_ status: Int, _ message: String, hint: String? = nil) {
        self.status = status
        self.message = message
        self.hint = hint
    }

    var response: HTTPResponse { .failure(status, message, hint: hint) }
}

extension HTTPRequest {
    /// Users, bots and jobs are named by at most so many bytes; nobody has a longer name.
    static let nameBytesMax = 256

    /// A name in the path.
    ///
    /// - Throws: `RequestFault` that says that there is nobody of this name.
    func name(_ parameter: String) throws(RequestFault) -> String {
        guard let text = parameters[parameter], text.utf8.count <= Self.nameBytesMax else {
            throw RequestFault(
                404, "expected \(parameter) to be at most \(Self.nameBytesMax) bytes, got: a longer one")
        }
        return text
    }

    /// A whole number in the path.
    func number(_ parameter: String) throws(RequestFault) -> Int64 {
        guard let text = parameters[parameter], Self.isPlainNumber(text), let number = Int64(text), number >= 1 else {
            throw RequestFault(400, "expected \(parameter) to be a whole number from 1 on, got: something else")
        }
        return number
    }

    /// A whole number in the query.
    func number(_ parameter: String, _ range: ClosedRange<Int64>, default value: Int64) throws(RequestFault) -> Int64 {
        let given = target.query.filter { $0.name == parameter }
        if given.isEmpty { return value }
        guard given.count == 1, Self.isPlainNumber(given[0].value), let number = Int64(given[0].value),
            range.contains(number)
        else {
            throw RequestFault(
                400, "expected \(parameter) to be \(range.lowerBound)…\(range.upperBound), got: something else")
        }
        return number
    }

    /// One of some words in the query, which must have it once.
    func choice(_ parameter: String, _ choices: [String]) throws(RequestFault) -> String {
        let given = target.query.filter { $0.name == parameter }
        guard given.count == 1, choices.contains(given[0].value) else {
            throw RequestFault(
                400, "expected \(parameter) to be one that the description lists, got: something else",
                hint: "/openapi.json lists them")
        }
        return given[0].value
    }

    private static func isPlainNumber(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
