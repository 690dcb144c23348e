import Postgres

extension Doctor {
    /// Whether adopted tables are mirrored as a whole.
    static func adoptions(_ connection: inout Connection) throws -> DoctorFinding {
        let rows = try connection.query(ExamineAdoptions())
        guard !rows.isEmpty else { return DoctorFinding("adoptions", .ok, "no table is adopted") }
        let events = Int64(AdoptionSQL.events.count)
        if let bad = rows.first(where: { $0.triggers < events }) {
            return DoctorFinding(
                "adoptions", .failure,
                "expected \(events) enabled triggers on \(bad.source), got: \(bad.triggers)",
                hint: "run `afterthought adopt \(bad.source) --again` with the options it was adopted with; what was "
                    + "deleted meanwhile stays until it is erased")
        }
        let rejects = rows.reduce(0) { $0 + $1.rejects }
        if rejects > 0 {
            return DoctorFinding(
                "adoptions", .warning, "expected every row of adopted tables in messages, got: \(rejects) rejected",
                hint: "see afterthought.adoption_rejects for their keys and reasons")
        }
        if let open = rows.first(where: \.isBackfillOpen) {
            return DoctorFinding(
                "adoptions", .warning, "expected the history of \(open.source) to be read, got: a part of it",
                hint: "run `afterthought adopt` on it once more")
        }
        return DoctorFinding("adoptions", .ok, "\(rows.count) mirrored")
    }
}
