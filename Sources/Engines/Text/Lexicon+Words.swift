extension Lexicon {
    /// Words by trait, separated by spaces, folded: lower case, `'` for every apostrophe.
    static let traitLists: [(WordTraits, String)] = [
        (
            .stop,
            """
            a about above across after again against ago all almost along already also although always am among an \
            and another any anybody anyone anything anyway are aren't arent around as aside at away back be became \
            because become been before behind being below between both but by came can can't cannot cant come comes \
            could couldn't couldnt did didn't didnt do does doesn't doesnt doing don't dont done down during each \
            either else enough etc even ever every everybody everyone everything exactly few for from further gave get \
            gets getting give gives go goes going gone gonna got gotta had hadn't has hasn't hasnt have haven't havent \
            having he he'd he'll he's hence her here here's hers herself him himself his how how'd how's however i i'd \
            i'll i'm i've id if ill im in indeed instead into is isn't isnt it it'd it'll it's its itself ive just \
            keep kept kind kinda knew know known knows last least less let let's lets like little lot lots made make \
            makes making many may maybe me mean means might mine more most much must my myself near need needs neither \
            never no nobody none nor not nothing now nowhere of off often oh ok okay on once one ones only onto or \
            other others otherwise our ours ourselves out over own per perhaps please probably put quite rather really \
            right said same saw say saying says see seem seems seen several shall she she'd she'll she's should \
            shouldn't shouldnt since so some somebody somehow someone something sometimes somewhere soon sort sorta \
            still stuff such sure take taken takes taking tell than that that'd that'll that's thats the their theirs \
            them themselves then there there's theres these they they'd they'll they're they've theyre thing things \
            think this those though thought through thru thus till to together too took toward towards tried try \
            trying two um uh under until up upon us use used using usually very via wanna want wanted wants was wasn't \
            wasnt way we we'd we'll we're we've well went were weren't werent what what'd what's whatever whats when \
            when's whenever where where's wherever whether which while who who'd who'll who's whoever whole whom whos \
            whose why why's will with within without won't wont would wouldn't wouldnt yeah yes yet you you'd you'll \
            you're you've youre your yours yourself yourselves youve u ur r ya y'all yall http https www com lol haha \
            hi hey hello thanks thank bye yep yup nope nah hmm hm huh wow omg btw idk lmao good great nice cool first \
            second able actually literally basically definitely totally especially guess gotten big bit day time \
            lately today thx pls plz ah aw aww ooh ahh actual
            """
        ),
        (
            .negation,
            """
            not no never none nobody nothing neither nor nowhere cannot can't cant don't dont doesn't doesnt didn't \
            didnt isn't isnt aren't arent wasn't wasnt weren't werent won't wont wouldn't wouldnt shouldn't shouldnt \
            couldn't couldnt haven't havent hasn't hasnt hadn't hadnt ain't aint without hardly barely mustn't needn't
            """
        ),
        (
            .intensifier,
            """
            very really so too extremely super totally absolutely completely incredibly insanely truly deeply utterly \
            highly particularly especially such hella freaking friggin fucking damn quite pretty terribly awfully \
            immensely hugely seriously genuinely thoroughly ridiculously unbelievably
            """
        ),
        (.diminisher, "slightly somewhat kinda sorta little bit fairly mildly partly marginally vaguely"),
        (
            .firstPerson,
            """
            i me my mine myself i'm i've i'll i'd im ive we us our ours ourselves we're we've we'll we'd
            """
        ),
        (
            .secondPerson,
            "you your yours yourself yourselves you're you've you'll you'd youre youve u ur ya y'all yall"
        ),
        (
            .wh,
            """
            who what when where why which how whose whom who's what's when's where's why's how's whos whats wheres \
            hows what'd how'd who'd what're wat wut whatcha
            """
        ),
        (
            .auxiliary,
            """
            am is are was were do does did have has had can could will would shall should may might must isn't aren't \
            wasn't weren't don't doesn't didn't haven't hasn't hadn't can't couldn't won't wouldn't shouldn't isnt \
            arent wasnt werent dont doesnt didnt havent hasnt cant couldnt wont wouldnt shouldnt ain't
            """
        ),
        (
            .subject,
            """
            i you he she it we they there this that these those anyone anybody anything someone somebody something \
            everyone everybody everything u ya y'all yall your my his her our their the any one people
            """
        ),
        (
            .contraction,
            """
            can't don't doesn't didn't isn't aren't wasn't weren't won't wouldn't shouldn't couldn't haven't hasn't \
            hadn't ain't i'm i've i'll i'd you're you've you'll you'd he's he'll he'd she's she'll she'd it's it'll \
            it'd we're we've we'll we'd they're they've they'll they'd that's that'll there's here's what's who's \
            where's how's when's why's let's y'all im ive dont cant wont isnt doesnt didnt thats whats youre theyre
            """
        ),
        (
            .slang,
            """
            lol lmao lmfao rofl haha hahaha hehe omg omfg wtf btw idk imo imho tbh ngl smh fml u ur r ya yall gonna \
            wanna gotta kinda sorta dunno lemme gimme cuz cos coz bc thx pls plz ppl bro bruh dude sup yo yep yup nah \
            nope hella lit dope legit def prob probs rn af tho thru nite luv xd ok okay k kk yeah ain't aint ew meh \
            duh yay nvm jk brb ttyl gtg ty tysm np ofc obvi cya dunno lowkey highkey vibe vibes cringe fam dawg wat \
            wut whatcha gotcha betcha cuppa shit fuck fucking fucked damn crap crappy shitty bullshit ass asshole bitch
            """
        ),
        (
            .formal,
            """
            however therefore moreover furthermore nevertheless nonetheless regarding concerning accordingly \
            consequently subsequently hence thus whereas whereby pursuant sincerely respectfully dear madam sir \
            assistance inquire enquire obtain provide require request additionally kindly whom shall upon hereby \
            thereby appropriate sufficient approximately numerous prior commence purchase inform
            """
        ),
        (
            .backchannel,
            """
            ok okay k kk okey yeah yea yep yup yes ya yah ye nah nope no lol lmao rofl haha hahaha hehe heh hm hmm mhm \
            mm mmm uh uhhuh huh oh ooh ah ahh aw aww wow nice cool great good sure right true same indeed exactly \
            totally definitely alright aight gotcha ic interesting awesome sweet perfect fine word bet damn dang oof \
            wowza k' ooo ohh xd yay touche facts fair
            """
        ),
        (.laughter, "lol lmao lmfao rofl haha hahaha hahahaha hehe hehehe heh ha xd lolol lols"),
        (.abbreviation, "mr mrs ms dr prof st jr sr vs etc approx dept e g eg ie fig inc ltd"),
        (.filler, "so and but well ok okay oh hey hi hello um uh like also then anyway btw yeah now wait lol haha hmm"),
        (.tag, "right huh eh no yeah yes ok okay correct innit yea"),
        (
            .hedge,
            """
            maybe perhaps probably possibly might seemingly apparently presumably likely kinda sorta imo imho afaik \
            idk somewhat supposedly roughly mostly
            """
        ),
        (
            .polite,
            "please pls plz kindly thanks thank thx ty tysm sorry appreciate appreciated grateful pardon welcome"
        ),
        (.or, "or"),
        (
            .leading,
            """
            a an the and but or because cuz if than of from into my your our their every it's that's i'm you're he's \
            she's we're they're i've there's im thats youre um uh er erm uhm umm uhh
            """
        ),
        (.hesitation, "um uh er erm uhm umm uhh so well and but or like"),
    ]

    /// Words that are pleasant or not without showing a basic emotion.
    static let valenceLists: [(Double, String)] = [
        (
            -0.6,
            """
            bad worse problem problems issue issues difficult hard wrong error errors boring bored meh useless broken \
            ugly weak fake slow messy dirty waste wasted mess trouble lame mediocre negative pointless confusing \
            expensive cold illness ill injured poor unlucky worn harsh mistake mistakes sucks suck sucked
            """
        ),
        (
            0.5,
            """
            fine okay ok interesting interested useful helpful easy safe clean smart wise healthy free helped helps \
            works solved correct strong fresh rich clever reliable honest positive recommend worth comfortable
            """
        ),
    ]
}
