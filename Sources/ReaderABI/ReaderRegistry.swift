import CReader
import Glibc
import StrategicCache
import Synchronization

/// The open readers by number: a number that was closed, made up or inherited by fork is answered, never followed.
///
/// A number is 16 bits of how often this process was forked since, 40 bits of a serial that is never used again, and 8
/// bits of the place.
final class ReaderRegistry: @unchecked Sendable {
    // Unchecked because the places and the serial are only touched under the lock.

    static let shared = ReaderRegistry()

    /// Readers that may be open at once.
    static let readersMax = 64

    /// Why a number leads to no reader.
    enum Absence: Error {
        case closed, forked, tooMany
    }

    private struct Place {
        var number: UInt64
        var cache: StrategicCache
    }

    private let lock = Lock()
    private let forks = Atomic<UInt64>(0)
    private var places = [Place?](repeating: nil, count: ReaderRegistry.readersMax)
    private var serial: UInt64 = 0

    private init() {
        // Held over a fork, so that the child finds the lock free and the places whole. What they hold stays where it
        // is there: closing a connection would end the parent's session.
        pthread_atfork(
            { ReaderRegistry.shared.lock.lock() }, { ReaderRegistry.shared.lock.unlock() },
            {
                ReaderRegistry.shared.forks.add(1, ordering: .relaxed)
                ReaderRegistry.shared.lock.unlock()
            })
    }

    /// Gives a reader a number.
    func add(_ cache: StrategicCache) throws(Absence) -> UInt64 {
        try lock.withLock { () throws(Absence) -> UInt64 in
            let generation = forks.load(ordering: .relaxed) & 0xFFFF
            // A place inherited by fork is never given away: the reader in it must not end.
            guard let place = places.firstIndex(where: { $0 == nil }) else { throw .tooMany }
            serial = (serial + 1) & 0xFF_FFFF_FFFF
            let number = generation << 48 | serial << 8 | UInt64(place)
            places[place] = Place(number: number, cache: cache)
            return number
        }
    }

    /// The reader with a number.
    func find(_ number: UInt64) throws(Absence) -> StrategicCache {
        let place = try checked(number)
        let found = lock.withLock { places[place] }
        guard let found, found.number == number else { throw .closed }
        return found.cache
    }

    /// Takes a number's reader out; it then belongs to the caller.
    func remove(_ number: UInt64) throws(Absence) -> StrategicCache {
        let place = try checked(number)
        return try lock.withLock { () throws(Absence) -> StrategicCache in
            guard let found = places[place], found.number == number else { throw .closed }
            places[place] = nil
            return found.cache
        }
    }

    private func checked(_ number: UInt64) throws(Absence) -> Int {
        let place = Int(number & 0xFF)
        guard place < ReaderRegistry.readersMax, (number >> 8) & 0xFF_FFFF_FFFF != 0 else { throw .closed }
        let generation = forks.load(ordering: .relaxed) & 0xFFFF
        if number >> 48 < generation { throw .forked }
        return place
    }
}

extension ReaderRegistry.Absence {
    /// What C callers get for it.
    var status: Int32 {
        switch self {
        case .closed: AFTERTHOUGHT_READER_CLOSED
        case .forked: AFTERTHOUGHT_READER_FORKED
        case .tooMany: AFTERTHOUGHT_READER_TOO_MANY
        }
    }
}
