extension Lexicon {
    /// Phrases by effect, separated by commas, words folded.
    ///
    /// Of two that begin alike, the longer one counts.
    ///
    /// Those without an effect keep a shorter one from counting: "sorry to hear" is no apology.
    static let phraseLists: [(PhraseEffect, String)] = [
        (
            PhraseEffect(.topicShift),
            """
            by the way, btw, speaking of, on another note, on a different note, on a side note, on a lighter note, \
            changing the subject, change the subject, changing subjects, change of subject, change the topic, \
            changing the topic, changing topics, change topics, change of topic, different topic, new topic, \
            another topic, different subject, off topic, completely unrelated, totally unrelated, random question, \
            that reminds me, which reminds me, before i forget, moving on, let's talk about, lets talk about, \
            can we talk about, could we talk about, switching gears, switch gears, not to change the subject, \
            one more thing, another thing, i meant to ask, i wanted to ask, in other news, as an aside, incidentally
            """
        ),
        (
            [PhraseEffect(.topicShift), .atStart],
            "anyway, anyways, anyhow, so anyway, but anyway, well anyway, unrelated"
        ),
        (
            [PhraseEffect(.greeting), .atStart],
            """
            hi, hello, hey, hiya, heya, yo, howdy, greetings, sup, good morning, good afternoon, good evening, \
            hi there, hello there, hey there, morning, what's up, whats up
            """
        ),
        (
            PhraseEffect(.greeting),
            "how are you, how's it going, hows it going, nice to meet you, pleased to meet you, long time no see"
        ),
        (
            PhraseEffect(.farewell),
            """
            bye, goodbye, cya, bye bye, good night, goodnight, see you, see ya, see you later, talk to you later, \
            talk to you soon, talk later, talk soon, ttyl, gotta go, got to go, gtg, i have to go, i need to go, \
            take care, have a good one, have a good day, have a good night, have a nice day, have a great day, \
            have a good weekend, have a great weekend, until next time, catch you later, heading to bed, signing off
            """
        ),
        (
            PhraseEffect(.thanks),
            "thanks, thank, thx, ty, tysm, thankyou, much appreciated, i appreciate, i really appreciate"
        ),
        (
            PhraseEffect(.apology),
            """
            sorry, i apologize, i apologise, apologies, my apologies, my bad, my fault, my mistake, forgive me, \
            excuse me, pardon me, i'm sorry, im sorry, i am sorry, so sorry, i'm so sorry, im so sorry
            """
        ),
        (
            PhraseEffect(.empathy),
            """
            sorry to hear, i'm sorry to hear, im sorry to hear, so sorry to hear, i'm so sorry to hear, \
            sorry for your loss, sorry for you, sorry about your, that must be hard, that must be tough, \
            that sounds hard, that sounds tough, that sounds awful, i feel for you, i feel you, hang in there
            """
        ),
        (
            PhraseEffect(.encouragement),
            """
            you can do it, you can do this, you got this, you've got this, good luck, best of luck, keep going, \
            keep it up, keep up the good work, don't give up, dont give up, well done, good job, great job, nice job, \
            nice work, great work, good work, way to go, proud of you, i'm proud of you, i believe in you, go for it, \
            you're doing great, you'll do great, you will do great, congratulations, congrats
            """
        ),
        (
            PhraseEffect(.selfDisclosure),
            """
            i am, i'm, im, my name, my name's, call me, i live, i lived, i work, i worked, i study, i studied, i \
            come from, i was born, i grew up, i moved, i used to, i have a, i have an, i have been, i've been, i \
            own, i was, i play, i feel, i believe, my mom, my mum, my dad, my mother, my father, my wife, my \
            husband, my son, my daughter, my brother, my sister, my dog, my cat, my job, my boss, my work, my \
            friend, my girlfriend, my boyfriend, my birthday, my family, my kids, my parents, my roommate, my house, \
            my school, my major
            """
        ),
        (
            [PhraseEffect(.selfDisclosure), PhraseEffect(.preference)],
            """
            i like, i love, i hate, i enjoy, i prefer, i don't like, i dont like, i do not like, i really like, \
            i really love, i can't stand, i cant stand, i dislike, i adore, my favorite, my favourite, i'm a fan of, \
            i am a fan of, i'm not a fan of
            """
        ),
        (
            PhraseEffect(.plan),
            """
            i will, i'll, i'm going to, im going to, i am going to, i'm gonna, im gonna, i was going to, i plan to, \
            i'm planning, im planning, i am planning, i'm planning to, i want to, i wanna, i'd like to, i would like \
            to, i hope to, i need to, i have to, i've got to, i gotta, i'm about to, im about to, we will, we'll, \
            we're going to, we are going to, let's, lets, i intend to, i'm thinking about, i'm thinking of, \
            looking forward to, i'm looking forward to, im looking forward to
            """
        ),
        (
            PhraseEffect(.unresolvedRequest),
            """
            can you, will you, help me, i need help, i need you to, how do i, how can i, how should i, how would i, \
            show me, tell me, give me, send me, remind me, let me know, i'd like you to, what should i, any ideas, \
            any advice, any suggestions, any tips, i'm looking for, im looking for, i am looking for, i'm stuck, \
            im stuck, can't figure out, cant figure out, doesn't work, doesnt work, not working, isn't working, \
            need your help, i want you to
            """
        ),
        (
            [PhraseEffect(.unresolvedRequest), .polite],
            "could you, would you, please, pls, plz, would you mind, can you please, could you please, may i ask"
        ),
        (.polite, "if you don't mind, if possible, may i, would you like, you're welcome, excuse me"),
        (
            PhraseEffect(.resolved),
            """
            never mind, nevermind, nvm, figured it out, i figured it out, got it working, problem solved, \
            it works now, that worked, that works, it worked, all good now, that helped, that did it
            """
        ),
        (
            PhraseEffect(.optOut),
            """
            stop messaging me, stop texting me, stop contacting me, stop writing me, unsubscribe, stop bothering me, \
            stop sending me messages
            """
        ),
        (
            // Elsewhere in a sentence these are said of others: "people don't text me back".
            [PhraseEffect(.optOut), .atStart],
            """
            don't message me, dont message me, don't text me, dont text me, don't contact me, dont contact me, \
            do not contact me, do not message me, do not text me, leave me alone, don't write me, \
            please don't message me, please dont message me, please don't text me, please dont text me, \
            please don't contact me, please do not contact me, please do not message me, please leave me alone, \
            just leave me alone
            """
        ),
        (
            PhraseEffect(.optIn),
            """
            you can message me, you can text me, you can write me, you can contact me, you may message me, \
            you may text me, you may contact me, message me again, text me again, write me again
            """
        ),
        (
            PhraseEffect(.agreement),
            """
            i agree, me too, same here, of course, i totally agree, i completely agree, so true, you're right, \
            good point
            """
        ),
        ([PhraseEffect(.agreement), .atStart], "yes, yeah, yep, yup, exactly, absolutely, definitely, totally, true"),
        (
            PhraseEffect(.disagreement),
            """
            i disagree, i don't think so, i dont think so, i don't agree, not true, you're wrong, that's wrong, \
            not really
            """
        ),
        (
            .hedge,
            """
            i think, i guess, i suppose, i feel like, kind of, sort of, a bit, more or less, not sure, i'm not sure, \
            im not sure, as far as i know, it seems, seems like, in my opinion, i don't know, i dont know, \
            i'd say, i would say, if i recall
            """
        ),
        (
            .rhetorical,
            """
            who cares, who knows, what's the point, whats the point, why bother, why me, can you believe, how dare, \
            are you kidding, are you serious, guess what, isn't it obvious, what else is new, how hard can it be, \
            what was i thinking, who would have thought, who would've thought, what the hell, what the fuck, \
            what the heck, what could go wrong
            """
        ),
        (
            .backchannel,
            """
            i see, got it, sounds good, makes sense, of course, good point, no problem, me too, same here, \
            oh really, for real, no way, that's cool, thats cool, that's nice, that's great, i agree, fair enough, \
            so true, all good, very cool, very nice, good to know, that makes sense
            """
        ),
        (
            PhraseEffect(.request),
            """
            i need, i want, i wanna, i'd like, id like, i would like, i also need, i also want, i'd also like, \
            i would also like, i need to, i want to, i'd like to, i would like to, i need help, i need you to, \
            i want you to, i'd like you to, need a, need an, need some, need to, want a, want an, want some, want to, \
            looking for, i'm looking for, im looking for, i am looking for, searching for, interested in, search for, \
            look for, look up, find me, find a, find an, find some, find the, find out, book a, book an, book me, \
            book the, reserve a, reserve an, reserve the, get me, get a, get an, get some, show me, tell me, give me, \
            send me, help me, can you, could you, would you, will you, can you please, could you please, \
            would you mind, can i, could i, may i, may i ask, how do i, how can i, is there, are there
            """
        ),
        (
            [PhraseEffect(.request), .atStart],
            """
            find, book, reserve, search, get, show, play, check, schedule, set, order, buy, remind, cancel, add, \
            call, make, turn, open, send, transfer, pay, look, create, share, rent
            """
        ),
        (
            [PhraseEffect(.request), PhraseEffect(.unresolvedRequest), .polite],
            """
            please find, please book, please reserve, please search, please get, please show, please play, \
            please check, please make, please look, please set, please add, please send
            """
        ),
        ([], "i mean, i know, i see, i am not sure, like i said, i have no idea, thank god, tell me about it"),
    ]
}
