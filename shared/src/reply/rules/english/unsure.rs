//! English that is no opt-out though it sounds like one, and English that may be one.

use crate::reply::rules::Rule;

pub(super) const HARMLESS: &[Rule] = &[
    (
        "negation (en)",
        &[
            "you|i|we|he|she|they dont|didnt|never|doesnt|havent @ever* @contact|@contacting|texted|messaged|called ..1",
            "why|how dont|didnt|havent|doesnt|come|wont ..2 text|message|call|contact|write",
            "^ @hi* keep|continue @contacting|coming|going|it|them|texting ..1",
            // Elsewhere "please" and "just" begin a demand: "I never asked for that please stop".
            "@not please|just* @saying* @stopping @me? @doing?",
            "@not @saying* to|ever|even|really|say|said|mean|meant|type|typed|try please|just @saying* @stopping @me? @doing?",
            "@not please|just* @saying* take me off",
            "@not @saying* to|ever|even|really please|just take me off",
            "no need|reason|way|intention to ..2 stop|quit|cancel|unsubscribe|optout|remove",
            "rather|instead of than? stop|quit|unsubscribe",
            "nonstop",
            "@not want|wanted this|it|that|them|these|@messages to stop|end",
            "dont want|wanna to? miss|lose|mis ..4 @messages",
        ],
    ),
    (
        "quotes our own words (en)",
        &[
            "reply|text|send|say|respond|type stop|start|help to|for optout|unsubscribe|cancel|end|opt|get|quit|help",
            "stop to optout|unsubscribe|cancel|end|quit",
        ],
    ),
    (
        "stop as another verb (en)",
        &[
            "stop by|at|in|over|off|short|along|drop",
            "stop , drop",
            "stop for a|an|gas|lunch|coffee|food|the|dinner|breakfast|drinks|some|ice|traffic",
            "stop and|to think|get|smell|go|eat|look|listen|see|say|pick|grab|chat|visit|talk|rest|play|consider|admire|stare|ask|help",
            "stop on the|my|your way",
            "stop right there",
            "stop|quit the? @doing",
            "stop me if|from|before",
            "stop nothing|everything to|for",
            "stop|end when|once|if|while i|you|we|it|they|the",
        ],
    ),
    (
        "stop as a noun (en)",
        &[
            "bus|train|metro|subway|truck|rest|pit|full|short|last|next|first|one|tour|whistle|door|tram|glottal|back|dead|complete|shuttle stop",
            "at|the|a|an|my|our|his|her|every|another|that|each|any|which|what stop",
            "stop sign|signs|watch|motion|gap|light|lights|loss|button|lamp",
        ],
    ),
    (
        "others stop, or I do (en)",
        &[
            "why|when did|do|does you|they|he|she|it stop|quit $",
            "i|we|he|she|it|they @will @will* stop|quit|end|cancel @me? @doing?",
            "ill|well|itll|hell|shell|theyll @will* stop|quit|end|cancel @me? @doing?",
            "i|we|he|she|it|they|who|nobody|nothing|anyone|someone @will stop|quit|end|cancel|optout ..1 @third",
            "i|we|you|to @will stop|quit @doing",
            "going|gonna|time|hard|had|able|used|about|impossible|easy|nothing|way|want|love|supposed|chance|where|when to stop|quit|end|cancel @doing",
            "going|gonna|hard|had|able|used|about|impossible|easy|nothing|where|when to stop|quit|end",
            "tell|told|ask|asked|make|made|get|let|saw|help|watch @third to? stop|quit",
            "@third to? said|says|told|wont|should|needs|need|must|will|would ..2 stop|quit",
            "@third has got? to stop|quit",
            "when|where|what|how|does|did|do|will|is|would ..3 it|this|that|the|battle|game|match|round|season|streak|challenge|contest|clock|timer ..1 stop|end|quit",
        ],
    ),
    ("end as a noun (en)", &["the|weekend|week|year|month|day|at|in|dead|no|an|my|your end", "end of ..2"]),
    (
        "wrong number typed (en)",
        &["i typed|put|entered|gave|used|guessed|picked|wrote|said|chose|dialed ..3 wrong number", "did i ..3 wrong number", "wrong number of"],
    ),
    (
        "no text of ours (en)",
        &[
            "dont bother $",
            "dont bother with|about",
            "stop calling me names|crazy|a|an|that",
            "told|asked|wants|want|made|makes me to? stop|quit ..1",
            "dont text and",
            "stop|quit texting and",
            "no text from",
            "leave me|us alone with|in",
        ],
    ),
];

pub(super) const DOUBTS: &[Rule] = &[
    (
        "takes it back (en)",
        &[
            "stop|unsubscribe|optout|cancel ..6 .|,? ..3 nevermind|nvm|kidding|jk|oops",
            "stop|unsubscribe|optout ..3 .|,? never mind",
            "stop|unsubscribe ..3 .|,? ..3 keep|continue ..1 them|texting|sending|it|coming|going",
            "accidentally|accident|mistake|mistakenly|unintentionally ..6 stop|unsubscribe|unsubscribed|optout|optedout|stopped",
            "stop|unsubscribe|unsubscribed|optout|optedout|stopped ..6 accident|accidentally|mistake",
        ],
    ),
    (
        "asks about stopping (en)",
        &[
            "what happens|does|if|is|would ..5 stop|unsubscribe|optout",
            "should|did|do|does|was|were|could i ..3 stop|unsubscribe|unsubscribed|optout|optedout ?",
            "why|who|when|how ..3 unsubscribed|optedout",
            "got|get|been|being|was|am unsubscribed|optedout",
            "if i ..2 stop|unsubscribe|optout|cancel",
            "might|maybe|consider|considering|thinking ..3 stop|unsubscribe|unsubscribing|optout",
            "stop|unsubscribe|optout|cancel ..3 later|someday|sometime",
            "nomore @messages ?",
            "did|have|has|had|when you ..2 stop|quit @contacting",
            "how do|can|would i|you|we ..3 optin|resubscribe|unstop|optin",
            "how do|can i opt back in",
            "can|should i ..2 start ..3 again ?",
        ],
    ),
    (
        "stop, said fondly (en)",
        &[
            "stop it? ,|.? i love|cant|am? crying|dying",
            "^^ @hi* stop|quit it|that @hi* lol",
            "^^ omg|aw|aww|awe|oh|no @hi* stop it? lol $$",
            "^^ lol @hi* stop it? $$",
            "stop it? ,|.? you|your|that|this is|are? killing|making|too|so|hilarious|amazing",
            "stop it? ,|.? thats|im hilarious|amazing|crying|dying|killing|making|too|so|blushing|dead",
            "stop lol @name",
        ],
    ),
    (
        "limited in time (en)",
        &[
            "nomore ..4 today|tonight",
            // "My work phone" is a phone, "at work" a time.
            "stop|dont|never|quit|no @ever* @contacting|@contact|@messages @me* work|school? @me? @me? ..2 @hours",
            "stop|dont|never|quit|no @ever* @contacting|@contact|@messages @me* ..1 at|in|after|while|when work|school",
            "stop|dont|never|quit|no @ever* @contacting|@contact|@messages @me* ..2 work|school $",
            "stop|dont|never|quit|no @ever* @contacting|@contact|@messages @me* ..2 work|school @hi|hours|time|day|days|because|i|im|when|while|anymore|is|was|has|sucks",
            "stop @messages? for a|now|today|while|tonight",
            "stop|pause|mute @the* @messages? until|till|for ..3",
        ],
    ),
    (
        "one battle, not the texts (en)",
        &[
            "^^ @hi* cancel|end|remove|revoke it|that @hi* $$",
            "^ @hi* stop|end|cancel|quit|leave|revoke this|my|our|the|that|a battle|challenge|duel|streak|invite|invitation|match|game @hi* $",
            "^ @hi* end|cancel|quit|revoke|remove battle|challenge|duel|streak|invite|invitation|match|game @hi* $",
            "undo that @tail* $",
        ],
    ),
    ("do not disturb (en)", &["^ @hi* dont disturb @tail* $"]),
    (
        "texts to another (en)",
        &[
            "tell|ask|make|get @name to stop|quit",
            "stop|quit @contacting|@contact him|her|them",
            "tell|told|ask|asked|make|get him|her|my ..2 stop|quit",
            "@third wont|should|needs|must|doesnt|keeps ..2 stop|quit|texting",
        ],
    ),
];

pub(super) const HINTS: &[Rule] = &[
    (
        "fed up, perhaps (en)",
        &[
            "^ @hi* knock it off",
            "^ @hi* cut it out",
            "enough is enough",
            "too many of these|them",
            "text|message|texting|messaging|send ..2 less|too|so",
            "text ..1 too|so much|many|often",
            "sick|tired|enough|annoyed ..1 of|with|by @categories",
            "^ @hi* enough already? $",
            "^ @hi* thats enough $",
            "too many|much ..1 @messages",
            "less|fewer|reduce ..2 @messages",
            "you text|message me? too|so",
            "hate ..2 @messages",
            "annoying",
            "unwanted|unsolicited",
            "shut up",
            "fuck|screw you",
            "im|i am? done @tail* $",
            "give it a rest",
            "be quiet",
            "go to hell",
            "i want? out $",
            "i quit $",
            "count me out $",
        ],
    ),
    ("not interested (en)", &["not|dont ..1 interested", "no interest", "uninterested", "count me out"]),
    (
        "who are you (en)",
        &[
            "who ..2 this|you|dis",
            "what is|are|the? this|these|you $",
            "what is this ..4 ?",
            "whos this",
            "whats this",
            "who texted|is texting me",
            "dont know ..3 you|this|number|who|allthrive",
            "never heard of",
            "who gave|give ..1 my number",
            "how|where did you ..1 get ..1 my? number",
            "not ..1 me $",
            "why are you ..1 @contacting",
            "is this a? scam|spam|real|bot",
            "new phone",
            "no idea who|what",
        ],
    ),
    (
        "complaint (en)",
        &[
            "keep|keeps|kept ..1 @contacting|sending|getting",
            "spam|scam|harassment|illegal|legal|lawyer|attorney|sue|fcc|ftc|police|lawsuit|report",
            "why am i getting|receiving",
        ],
    ),
    (
        "someone else's phone (en)",
        &[
            "changed my|her|his|their|the number|phone",
            "passed away|died|deceased",
            "this number|phone? isnt|not",
            "nobody here|named",
            "no one here|by|named",
            "not my name",
        ],
    ),
    ("one word that may mean out (en)", &["^^ @hi* out|exit|delete|block|blocked|deactivate|disable|unfollow|ignore|leave|done|bye|goodbye|stfu $$"]),
    (
        "wants only some, perhaps (en)",
        &[
            "only text|message|want|send|contact",
            "dont|never @ever* invite|challenge me|us",
            "^ @hi* resume|restart|unmute|resubscribe|subscribe @categories @tail* $",
            "^ @hi* start @the* battles|streaks|invites|invitations|reminders|results|achievements|badges|dms|challenges @tail* $",
            "only want|need|send|text|notify|like @me* ..3 @categories",
            "^ @hi* no @categories $",
        ],
    ),
    (
        "an account's end (en)",
        &[
            "delete|close|cancel|deactivate|remove|end my|the|our account|profile|membership",
            "i|id want|wanna|need|would like? to? quit|leave|exit @tail* $",
        ],
    ),
    ("pause (en)", &["^^ @hi* pause|mute|snooze|silence|suspend|hold @tail* $$"]),
];
