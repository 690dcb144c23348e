import Postgres

/// All settings of jobs, by name.
package struct LoadJobSettings: Statement {
    package static let name = "load_job_settings"
    package static let sql = "select name, value from afterthought.job_settings"

    package init() {}
    package static func decode(_ row: borrowing RowReader) throws(PostgresError) -> (name: String, value: String) {
        (try row.decode(0), try row.decode(1))
    }
}

/// What a setting may be, for people.
package struct DescribeJobSetting: Statement {
    package static let name = "describe_job_setting"
    package static let sql = """
        select
            case kind
                when 'boolean' then 'true or false'
                when 'text' then 'at most 1000 bytes'
                else minimum::text || '…' || maximum::text || case kind when 'integer' then ', whole' else '' end end,
            description
        from afterthought.job_settings where name = $1
        """

    var setting: String

    package init(setting: String) { self.setting = setting }

    package func bind(to parameters: inout Parameters) { parameters.append(setting) }
    package static func decode(
        _ row: borrowing RowReader
    ) throws(PostgresError) -> (expectation: String, description: String) {
        (try row.decode(0), try row.decode(1))
    }
}

/// Changes a setting if it differs.
package struct SaveJobSetting: Statement {
    package static let name = "save_job_setting"
    package static let sql = "update afterthought.job_settings set value = $2 where name = $1 and value <> $2"

    var setting: String
    var value: String

    package init(setting: String, value: String) {
        self.setting = setting
        self.value = value
    }

    package func bind(to parameters: inout Parameters) {
        parameters.append(setting)
        parameters.append(value)
    }
}
