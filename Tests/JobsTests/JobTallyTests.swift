import Bytes
import Testing

@testable import Jobs

@Suite("Job tally")
struct JobTallyTests {
    @Test("what is kept between attempts is read back")
    func roundTrip() throws {
        var tally = JobTally()
        tally.usersProcessed = 3
        tally.successfulUpdates = 2
        tally.failedUpdates = 1
        tally.recordsProcessed = 120
        tally.metadata = [JSONMember(key: "skipped", value: .string("nothing new"))]
        #expect(JobTally(try JSONValue(parsing: tally.json.text)) == tally)
        #expect(JobTally(.null) == JobTally())
    }
}
