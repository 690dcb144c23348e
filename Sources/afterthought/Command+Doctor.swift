import Bytes
import Glibc
import Store

extension Command {
    /// A check-up.
    static let doctor = Command(
        name: "doctor", summary: "check the database, the schema, the grants and the clocks",
        details: ["Changes nothing. The exit status is 1 if a check fails, 0 if there are only warnings."],
        options: [Option.json],
        body: .blocking { invocation in
            let findings = try DatabaseChoice.withConnection(invocation) { connection in
                var time = timespec()
                unsafe clock_gettime(CLOCK_REALTIME, &time)
                let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
                return try Doctor.examine(&connection, processClock: Timestamp(microseconds: microseconds))
            }
            Terminal.print(invocation.wantsJSON ? doctorJSON(findings) : doctorText(findings))
            return findings.contains { $0.verdict == .failure } ? .unwell : .ok
        })

    static func doctorText(_ findings: [DoctorFinding]) -> String {
        let lines = findings.map { finding in
            let mark =
                switch finding.verdict {
                case .ok: Terminal.coloured("ok  ", 32)
                case .warning: Terminal.coloured("warn", 33)
                case .failure: Terminal.coloured("FAIL", 31)
                }
            let name = finding.check + String(repeating: " ", count: max(0, 13 - finding.check.count))
            let line = "\(mark)  \(name) \(TextWidth.harmless(finding.message))"
            return finding.hint.map { "\(line)\n      hint: \(TextWidth.harmless($0))" } ?? line
        }
        return lines.joined(separator: "\n")
    }

    static func doctorJSON(_ findings: [DoctorFinding]) -> String {
        var json = JSONWriter()
        json.beginObject()
        json.key("healthy")
        json.value(!findings.contains { $0.verdict == .failure })
        json.key("checks")
        json.beginArray()
        for finding in findings {
            json.beginObject()
            json.key("check")
            json.value(finding.check)
            json.key("verdict")
            json.value(finding.verdict.rawValue)
            json.key("message")
            json.value(finding.message)
            json.key("hint")
            json.value(finding.hint)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.text
    }
}
