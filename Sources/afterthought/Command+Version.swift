import Bytes
import Store

/// The version of this build, as `CHANGELOG.md` names it.
let afterthoughtVersion = "0.1.0"

extension Command {
    /// The version.
    static let version = Command(
        name: "version", summary: "print the version of the program and of its schema", options: [Option.json],
        usesDatabase: false,
        body: .blocking { invocation in
            let schema = Migration.all.last?.version ?? 0
            if invocation.wantsJSON {
                var json = JSONWriter()
                json.beginObject()
                json.key("version")
                json.value(afterthoughtVersion)
                json.key("schema_version")
                json.value(schema)
                json.endObject()
                Terminal.print(json.text)
            } else {
                Terminal.print("afterthought \(afterthoughtVersion), schema \(schema)")
            }
            return .ok
        })
}
