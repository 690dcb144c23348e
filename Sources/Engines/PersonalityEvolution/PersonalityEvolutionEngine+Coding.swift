import Bytes
import Model

extension PersonalityEvolutionEngine {
    package func encode(into writer: inout StateWriter) {
        writer.write(isGiven)
        // Style traits have their names from the engine, always all of them and in order.
        writer.write(list: traits) { writer, trait in
            if isGiven { writer.write(trait.name) }
            writer.write(trait.weight)
            writer.write(trait.at)
            writer.write(UInt64(trait.reactions))
        }
        history.encode(into: &writer)
        model.encode(traits: traits.count, into: &writer)
        writer.write(turn) { writer, turn in
            writer.write(turn.session)
            writer.write(list: turn.traits) { writer, intensity in writer.write(intensity) }
            writer.write(UInt64(turn.words))
            writer.write(turn.isRead)
            writer.write(turn.isClosing)
        }
        writer.write(isUserClosing)
        patterns.encode(into: &writer)
    }

    package init(from reader: inout StateReader) throws(StateError) {
        isGiven = try reader.readBool()
        let named = isGiven
        traits = try reader.readList(max: named ? Limits.traitsMax : StyleTraits.names.count) {
            reader throws(StateError) in
            Trait(
                name: named ? try reader.readBoundedName(bytesMax: CharacterMeasure.nameBytesMax) : "",
                weight: try reader.readDouble(in: 0...1e12), at: try reader.readReckonedTimestamp(),
                reactions: try reader.readTally())
        }
        if named {
            for (place, trait) in traits.enumerated()
            where traits[..<place].contains(where: { $0.name.utf8.elementsEqual(trait.name.utf8) }) {
                throw reader.fault("different traits")
            }
        } else {
            guard traits.isEmpty || traits.count == StyleTraits.names.count else {
                throw reader.fault("all style traits or none")
            }
            for place in traits.indices { traits[place].name = StyleTraits.names[place] }
        }
        let count = traits.count
        history = try TraitHistory(traits: count, from: &reader)
        model = try ReactionModel(traits: count, from: &reader)
        turn = try reader.readOptional { reader throws(StateError) in
            let session = try reader.readInt()
            let intensities = try reader.readList(max: count) { reader throws(StateError) in
                try reader.readDouble(in: 0...1)
            }
            let words = try reader.readTally()
            guard words <= Self.turnWordsMax else { throw reader.fault("at most \(Self.turnWordsMax) words") }
            return Turn(
                session: session, traits: intensities, words: words, isRead: try reader.readBool(),
                isClosing: try reader.readBool())
        }
        isUserClosing = try reader.readBool()
        patterns = try ResponsePatterns(from: &reader)
    }
}
