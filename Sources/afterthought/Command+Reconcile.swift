import Bytes
import Store

extension Command {
    /// The repair after a restore.
    static let reconcile = Command(
        name: "reconcile", summary: "repair the progress after a restore into another cluster",
        details: [
            "A restored database carries transaction ids of another cluster. This records up to which row ids that is "
                + "so, and has every pair rebuilt from its history. Writers wait for its one transaction; readers are "
                + "served stale rows meanwhile."
        ],
        options: [Option.json],
        body: .blocking { invocation in
            let report = try DatabaseChoice.withMigrated(invocation) { try Reconciler.reconcile(&$0) }
            if invocation.wantsJSON {
                var json = JSONWriter()
                json.beginObject()
                json.key("epoch")
                json.value(Int(report.epoch))
                json.key("system_identifier")
                json.value(String(UInt64(bitPattern: report.systemIdentifier)))
                json.key("pairs")
                json.value(report.pairs)
                json.key("floors")
                json.beginObject()
                for (stream, floor) in report.floors {
                    json.key(stream)
                    json.value(floor)
                }
                json.endObject()
                json.endObject()
                Terminal.print(json.text)
            } else {
                Terminal.print(
                    "reconciled: epoch \(report.epoch) begins, \(grouped(report.pairs)) pairs will be rebuilt by the "
                        + "worker")
                var table = TextTable([("stream", .left), ("rows up to this id are read by id alone", .right)])
                for (stream, floor) in report.floors { table.add(stream, grouped(floor)) }
                Terminal.print(table.text())
            }
            return .ok
        })
}
