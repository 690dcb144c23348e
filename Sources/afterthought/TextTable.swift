/// A table for people: columns as wide as their contents, numbers to the right.
struct TextTable {
    /// How a column's cells are placed.
    enum Alignment {
        case left
        case right
    }

    private let headings: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    /// Makes an empty table.
    ///
    /// - Parameter columns: each column's heading and the side its cells are on.
    init(_ columns: [(heading: String, alignment: Alignment)]) {
        headings = columns.map(\.heading)
        alignments = columns.map(\.alignment)
    }

    /// Adds a row; cells are made harmless, missing ones are empty.
    mutating func add(_ cells: String...) { add(cells) }

    mutating func add(_ cells: [String]) {
        rows.append(headings.indices.map { $0 < cells.count ? TextWidth.harmless(cells[$0]) : "" })
    }

    var isEmpty: Bool { rows.isEmpty }

    /// The table as lines, without an end to the last.
    ///
    /// - Parameter columnsMax: the width that the last column is cut to fit into; nil: it is not cut.
    /// - Returns: the lines.
    func text(columnsMax: Int? = nil) -> String {
        var widths = headings.indices.map { column in
            ([headings] + rows).map { TextWidth.columns($0[column]) }.max() ?? 0
        }
        if let columnsMax, let last = widths.indices.last {
            let others = widths.dropLast().reduce(0, +) + 2 * (widths.count - 1)
            widths[last] = min(widths[last], max(10, columnsMax - others))
        }
        var lines = rows.map { line($0, widths) }
        if headings.contains(where: { !$0.isEmpty }) {
            lines.insert(Terminal.bold(line(headings, widths)), at: 0)
            lines.insert(widths.map { String(repeating: "─", count: $0) }.joined(separator: "  "), at: 1)
        }
        return lines.joined(separator: "\n")
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var text = ""
        for (column, cell) in cells.enumerated() {
            let shown = TextWidth.cut(cell, columnsMax: widths[column])
            let padding = String(repeating: " ", count: widths[column] - TextWidth.columns(shown))
            if column > 0 { text += "  " }
            text += alignments[column] == .right ? padding + shown : shown + padding
        }
        while text.last == " " { text.removeLast() }
        return text
    }
}

/// A whole number with thousands apart, such as 123,224.
func grouped(_ number: some BinaryInteger) -> String {
    let digits = Array(String(number.magnitude))
    var text = number < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { text += "," }
        text.append(digit)
    }
    return text
}

/// A span of time for people, such as 41 s, 12 min, 3.5 h or 2.1 days.
func spoken(seconds: Double) -> String {
    func rounded(_ value: Double) -> String {
        let tenths = (value * 10).rounded() / 10
        return tenths == tenths.rounded() ? String(Int(tenths)) : String(tenths)
    }
    switch seconds {
    case ..<0.0995: return "\(Int((seconds * 1000).rounded())) ms"
    case ..<119.5: return "\(rounded(seconds)) s"
    case ..<7170: return "\(rounded(seconds / 60)) min"
    case ..<172_000: return "\(rounded(seconds / 3600)) h"
    default: return "\(rounded(seconds / 86_400)) days"
    }
}
