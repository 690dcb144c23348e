/// Words that a conversation can hold whatever it is about: poor names for a topic.
///
/// They count as a quarter of a word towards a topic's terms, so that a label uses them only when there is nothing
/// better. The list was written down from the commonest labels of English chat without it; other languages have no
/// such list.
package enum VagueWords {
    static let hashes: Set<UInt32> = Set(list.split(separator: " ").map { TopicTerms.hash(String($0)) })

    /// Whether a term says little about what is talked of.
    package static func contains(_ text: String) -> Bool { contains(text, hash: TopicTerms.hash(text)) }

    /// Whether a term says little about what is talked of.
    ///
    /// Contractions that are no stop words ("there've") and drawn-out laughter count as such too.
    static func contains(_ text: String, hash: UInt32) -> Bool {
        if hashes.contains(hash) { return true }
        var letters: (h: Int, other: Int) = (0, 0)
        for byte in text.utf8 {
            if byte == UInt8(ascii: "'") { return true }
            if byte == UInt8(ascii: "h") || byte == UInt8(ascii: "a") { letters.h += 1 } else { letters.other += 1 }
        }
        return letters.other == 0
    }

    private static let list = """
        absolutely afraid ago agree agreed alright amazing annoying answer anymore anytime anyways \
        apparently ask asked asking assume assuming attention awesome awful awkward bad basically \
        beautiful believe best bet better big bit bored boring busy call called can care chance change \
        chat chatted chatting check choose clear close cold come coming common completely confused \
        confusing conversation correct couple count crazy cute day days deal decide decided definitely \
        depend depends different difficult dude early easier easy end enjoy enjoyed entire especially \
        exactly excited exciting expect experience explain fact fair fan fantastic far fast favorite \
        favourite feel feeling feels felt figure figured fine forget forgot free fun funny fyi general \
        glad god gonna gosh gotta guess guy guys half happen happened happening happy hard hate hear \
        heard hearing heck help helpful high hold honest honestly hope hopefully hoping hour huge idea \
        ideas imagine important impressive incredible initial initially interested interesting jk keep \
        kinda know last late lately later least leave left life literally little live living long longer \
        look looked looking lot loud love loved lovely loves luck lucky main making man maybe mean meant \
        meet mention mind minute miss moment month morning nah name nervous new next nice night normal \
        nowadays obviously odd old opinion option part past people perfect person personally pick place \
        plan point possible pretty prob probably problem pros question questions quick quite random \
        rather ready real realize reason recently remember respond rest right rough sad second seem \
        seemed seems seen sense serious seriously set short show side simple single situation skip slow \
        small smart someone sometime soon sorry sort sound sounds special spend start started stop story \
        strange stuff stupid suck sucks sup super suppose supposed surprised sweet take taking talk \
        talked talking tell terrible thinking thought till time today tomorrow tonight top total totally \
        tough tried true try trying turn type ugh understand used useful usually wait waiting want \
        wanted wanting watch way week weekend weird whatever whoa whole wish wonder wonderful wondering \
        word worked works worried worry worse worst worth wow wrong yay year years yep yesterday yikes \
        young yup
        """
}
