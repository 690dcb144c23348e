import Foundation
import Model
import Postgres
import Support
import Worker

/// A worker in a process of its own, for tests that kill or freeze it.
///
///     fault-worker URL CYCLE-SECONDS LEASE-SECONDS BATCH-ROWS
///
/// `FAULT_FREEZE_FILE` names a file: once it can be removed, the worker stops itself inside a writing transaction.
/// `FAULT_SCHEMA_VERSION` makes it a worker of the build whose newest migration has this number.
/// `FAULT_ABORT_USER` names a user whose pairs end the process when they are computed.
@main
enum FaultWorker {
    static func main() async {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let cycle = Double(arguments[2]), let lease = Double(arguments[3]),
            let batch = Int(arguments[4])
        else {
            say("expected URL CYCLE-SECONDS LEASE-SECONDS BATCH-ROWS, got: \(arguments.count - 1) arguments")
            exit(64)
        }
        var configuration = WorkerConfiguration()
        configuration.cycleSeconds = cycle
        configuration.leaseSeconds = lease
        configuration.batchRowsMax = batch
        do {
            let worker = Worker(
                configuration: configuration, options: try ConnectionOptions(url: arguments[1]),
                analyzer: Workbench.analyzer, failpoints: failpoints(), log: describe)
            try await worker.run()
        } catch {
            say("refused: \(error)")
            exit(69)
        }
    }

    private static func failpoints() -> Failpoints {
        let environment = ProcessInfo.processInfo.environment
        let freezeFile = environment["FAULT_FREEZE_FILE"]
        let abortUser = environment["FAULT_ABORT_USER"]
        return Failpoints(schemaVersionMax: environment["FAULT_SCHEMA_VERSION"].flatMap { Int($0) }) { place in
            switch place {
            case .insideWrite:
                // Whoever removes the file is the one to freeze.
                if let freezeFile, unlink(freezeFile) == 0 { raise(SIGSTOP) }
            case .pair(let pair):
                if pair.userID == abortUser { kill(getpid(), SIGKILL) }
            default: break
            }
        }
    }

    private static func describe(_ event: WorkerEvent) {
        if case .failure(let fault, let seconds) = event { say("failure: \(fault.description), again in \(seconds) s") }
    }

    private static func say(_ line: String) {
        FileHandle.standardError.write(Data("fault-worker \(getpid()): \(line)\n".utf8))
    }
}
