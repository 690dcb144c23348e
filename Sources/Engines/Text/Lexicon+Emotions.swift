extension Lexicon {
    /// Words, emoji and faces by emotion.
    ///
    /// A `+` at the end is strong, a `-` weak; a later list wins over an earlier one.
    static let emotionLists: [(EmotionKind, String)] = [
        (
            .joy,
            """
            happy+ happier happiest happiness glad joy+ joyful+ delighted+ delight delightful love+ loved+ loves+ \
            loving+ lovely adore+ adores+ adorable great good- nice- awesome+ amazing+ wonderful+ fantastic+ \
            excellent+ brilliant superb terrific marvelous fabulous perfect beautiful gorgeous fun funny hilarious+ \
            laugh laughing laughed laughs smile smiling smiled giggle cheerful cheers excited+ exciting excitement \
            thrilled+ thrilling stoked pumped eager- enjoy enjoyed enjoying enjoys enjoyable pleased pleasure \
            pleasant satisfied grateful+ thankful+ thanks thank thx appreciate appreciated appreciates appreciation \
            blessed lucky proud+ pride congrats congratulations yay+ woohoo+ hooray+ hurray win winning won- winner \
            victory success successful hope- hopeful hopefully- hoping- optimistic relieved+ relief phew cute sweet- \
            kind- kindness caring care- cool- best better- favorite favourite yum yummy delicious tasty haha hahaha \
            hehe lol- lmao rofl xd glorious bliss ecstatic+ elated+ overjoyed+ jolly merry charming admire admired \
            admiration inspiring inspired impressive impressed incredible epic legend legendary rad sweetheart hug \
            hugs kisses celebrate celebrating celebration peaceful cozy comfy treasure wholesome+ heartwarming+ luv \
            neat- fav joyous+ heaven heavenly refreshing grinning gem magnificent splendid stunning outstanding yey \
            😀 😃 😄 😁 😆 😅- 😂 🤣 😊 🙂- 😉- 😍+ 🥰+ 😘 😗 😙 😚 😋 😎 🤗 🤩+ 🥳+ ❤+ 💕+ 💖+ 💗+ 💙+ 💚+ 💛+ 💜+ 🧡+ 👍- 👏 🙏- 🎉 ✨- 😸 😻 ☺ 😇 😝 😜 😛 \
            💯 🙌 :) :] :D+ :P :p :3 <3+ :*
            """
        ),
        (
            .sadness,
            """
            sad+ sadder saddest sadness+ sadly unhappy+ depressed+ depressing+ depression+ miserable+ misery+ gloomy \
            grief+ grieve+ grieving+ mourn+ mourning+ cry crying+ cried cries tears tear- sob sobbing heartbroken+ \
            heartbreaking+ heartbreak+ lonely+ loneliness+ alone- missed- missing- lost- lose- losing- loss sorrow+ \
            regret regrets regretted sorry- apologize- apologies- apologise- remorse+ guilty guilt ashamed shame \
            embarrassed+ embarrassing+ embarrassment+ humiliated awkward- disappointed+ disappointing+ disappointment+ \
            disappoint hopeless+ helpless despair+ devastated+ devastating hurt- hurts- hurting pain painful suffer \
            suffering suffered tragic+ tragedy+ unfortunate unfortunately- bummed bummer upset died dead- death dying \
            funeral failed fail- failure failing pity poor- worthless tired- exhausted- homesick rip unloved weep \
            weeping 😢+ 😭 😞+ 😔+ 😟 🙁 ☹ 😥 😪- 💔+ 😿 😩- 😫- 🥺- :( :[
            """
        ),
        (
            .anger,
            """
            angry+ angrier anger+ mad+ furious+ rage+ raging+ outraged+ outrage+ outrageous hate+ hated+ hates+ \
            hating+ hatred+ annoy annoyed+ annoying+ annoys irritated+ irritating+ irritate pissed+ frustrated+ \
            frustrating+ frustration+ fuck fucking- fucked fucker+ fuckers+ shit- shitty bullshit+ damn- damned \
            bastard+ bastards+ bitch+ asshole+ assholes+ idiot+ idiots+ idiotic+ stupid+ moron+ morons+ dumb \
            dumbass+ fool- foolish- jerk jerks liar liars lying- lies- cheat cheated cheating unfair ridiculous \
            absurd- nonsense worst terrible- awful- horrible- hostile aggressive- attack- fighting- blame offended \
            offensive insult insulting insulted arguing- complaining unacceptable disgraceful infuriating+ livid+ \
            resent resentment+ bitter- jealous- hell- stfu+ wtf ffs+ ugh rude selfish racist toxic scum+ hypocrite \
            hypocrites hypocrisy garbage- trash- crap crappy shut- arrogant pathetic- 😠+ 😡+ 🤬+ 😤 🖕+ 😒- 🙄-
            """
        ),
        (
            .fear,
            """
            afraid+ fear+ fears+ feared fearful+ scared+ scary+ scare scares scaring terrified+ terrifying+ terror+ \
            horrified+ horror frightened+ frightening+ fright nervous+ nervously anxious+ anxiety+ worry worried+ \
            worries worrying+ panic+ panicked+ panicking+ dread+ dreading+ dreadful- creepy threat- threatened \
            threatening danger dangerous unsafe risky- paranoid+ phobia nightmare nightmares haunted spooky insecure \
            uneasy tense- stress- stressed stressful alarming alarmed petrified+ tremble trembling+ doom doomed \
            concerned- yikes 😨+ 😱+ 😰+ 😧 😬- 🫣
            """
        ),
        (
            .disgust,
            """
            disgust+ disgusted+ disgusting+ gross+ grossed+ nasty+ eww+ ew+ yuck+ yucky+ vile+ repulsive+ revolting+ \
            sickening+ nauseous nauseating+ vomit+ puke+ barf+ foul filthy+ rotten stink stinks stinky smelly cringe+ \
            cringy+ cringey+ pervert perverted+ icky+ loathe+ loathing+ abhorrent+ appalling+ horrid revulsion+ slimy \
            tasteless distasteful putrid+ rancid+ 🤢+ 🤮+
            """
        ),
        (
            .surprise,
            """
            surprise+ surprised+ surprising+ surprisingly wow+ whoa+ woah+ omg omfg shocked+ shocking+ shock \
            astonished+ astonishing+ astounded+ stunned+ unexpected+ unexpectedly suddenly- unbelievable unreal wonder \
            wondering curious+ curiosity+ confused+ confusing+ confusion+ puzzled+ baffled+ bewildered+ huh- hmm- \
            really- realize realized realise realised realization strange weird odd- bizarre+ mysterious- wait- gosh \
            jeez- speechless+ gasp+ amazed 😮+ 😯+ 😲+ 😳 🤯+ 🤔- 😵 🙀 :O :o
            """
        ),
    ]
}
