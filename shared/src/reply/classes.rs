//! Lists of words that rules share, of all languages together: few words of one language mean the opposite in another.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use super::words::squeezed;

const CLASSES: &[(&str, &str)] = &[
    // What people say before they come to the point.
    (
        "hi",
        ". , please just ok okay k alright hey hi hello yo dear no nope nah sorry thanks thank you now seriously omg ugh oh ah god jesus christ damn \
         dammit wtf fuck fucking bro bruh dude man guys folks sir maam team everyone everybody all well so and but then also kindly immediately \
         yes yeah oui good morning evening again allthrive once fine lol \
         hola buenas porfavor por ya gracias bueno oye oiga sil vous plait te svp stp bonjour bonsoir salut merci allez alors si non",
    ),
    // What they say after it, and which changes nothing: "stop all of this right now please".
    (
        "tail",
        ". , ? please now it this that all everything already immediately asap today forever right away thank thanks you me us ok okay at once \
         permanently bro bruh dude man guys folks sir god dammit damn fuck fucking the these those your any my of sending texts text messages message \
         sms mms notifications notification alerts alert updates update emails communications communication contact service subscription \
         subscriptions program membership promos promo ads from allthrive number phone cell line to for them anymore again ever more and nonsense bullshit \
         crap shit madness spam harassment junk good seriously completely entirely totally kindly here im serious mean immediatly is \
         lol ugh very much nomore else everyone every single permanent list lists \
         porfavor por ya gracias todo todos todas mensaje mensajes texto textos los las mis sus tus de mi numero a este esta estos estas esto suscripcion \
         servicio inmediatamente ahora mas favor molestar \
         svp stp sil vous te plait merci tout tous toutes maintenant ca cela les vos ces des messages textos immediatement numero mon ce cet abonnement \
         pour toujours definitivement moi",
    ),
    ("me", "me us this that my our number phone cell mobile line name here info contact details"),
    (
        "the",
        "the this these those that your any all of my more anymore stupid annoying damn fucking daily every other further such los las el la sus tus mis esos esas estos estas este esta de mas les vos tes ces mes des le du d toutes tous todos todas todo",
    ),
    ("and", "and or nor plus , y e ni o et ou also"),
    ("about", "about for of on regarding re with sobre de acerca para sur des pour concernant"),
    (
        "messages",
        "text texts message messages sms mms notification notifications alert alerts update updates email emails communication communications promo promos \
         promotion promotions ads ad junk spam pings blasts \
         mensaje mensajes texto textos notificacion notificaciones aviso avisos alertas publicidad promociones mensajitos \
         textos alertes pub pubs publicite publicites",
    ),
    ("stuff", "stuff things crap shit bullshit bs garbage nonsense trash anything nothing shite"),
    ("battle", "battle battles duel duels batalla batallas duelo duelos combate combates bataille batailles combat combats"),
    // Doing what we do.
    (
        "contacting",
        "texting messaging contacting calling spamming bothering sending emailing harassing bugging annoying pestering notifying pinging blowing hitting \
         disturbing soliciting wasting stalking alerting reminding blasting pushing bombarding flooding reaching writing irritating ringing",
    ),
    ("contact", "text message contact call spam bother send email harass bug annoy pester notify ping disturb solicit write reach"),
    // Words in -ing that are no deed, or may be about our texts.
    (
        "notdoing",
        "everything anything something nothing thing king string evening morning during being getting receiving making trying seeing giving having \
         inviting challenging keeping telling informing updating fucking",
    ),
    // What cannot be the unknown name in "STOP FOO".
    (
        "nameless",
        "the a an my your his her our their this that these those it its in at by on over off with and or but if when while because lol i you we he she \
         they me us him them is are was isnt sign watch motion wait there here being start yes never believe playin lyin cheatin cappin trippin hatin actin \
         el la los las un una mi tu su le les une mon ma ton ta son sa notre votre",
    ),
    // Who begins a new sentence after the keyword: "STOP I don't want these".
    (
        "subject",
        "i im ive ill you we who what why how wrong not no nobody none dont didnt never do this leave take remove unsubscribe delete enough please",
    ),
    // Whom a person talks of who does not talk to us.
    (
        "third",
        "he she him her his hers ex mom mum dad boss wife husband sister brother kid kids son daughter friend girlfriend boyfriend roommate neighbor teacher",
    ),
    ("not", "dont didnt doesnt never not wont wouldnt cant couldnt shouldnt isnt wasnt havent hasnt without aint nobody neither"),
    (
        "saying",
        "say said mean meant type typed ask asked request requested try tried trying want wanted wanna need needed plan intend wish going gonna like to for \
         you ever even really that the word me think accidentally",
    ),
    (
        "stopping",
        "stop stoping quit quiting cancel cancelling canceling end ending unsubscribe unsubscribed unsubscribing optout optedout remove delete lose forget \
         revoke",
    ),
    ("will", "will would should might could may must can gonna gotta wanna better had did shall never always usually"),
    (
        "said",
        "said say saying text texted typed replied reply sent send wrote answered put hit told tell asked ask asking begged requested responded demanded",
    ),
    (
        "times",
        "already times time twice thrice before yesterday multiple several many once now like two three four five 3 5 6 10 20 days weeks ago \
         last week month hours please and again",
    ),
    ("ever", "ever please you even again just fucking damn dare keep"),
    ("really", "really actually even ever just fucking honestly any particularly"),
    (
        "hours",
        "night nights midnight tonight late early morning mornings weekend weekends sleeping asleep am pm 1am 2am 3am 4am 5am 6am 7am 3 \
         before during between 8am 9am 10pm 11pm 12am tomorrow often frequently sunday sundays dinner class meeting",
    ),
    (
        "list",
        "list lists database system records contacts directory thread distribution rotation roster mailing subscription service program \
         registry queue chain marketing chat messages texts message notifications alerts sms marketing",
    ),
    ("off", "off from out of"),
    (
        "resume",
        "again please now me it back the my your to up everything all them these this messages texts message text sms notifications alerts updates \
         sending texting messaging getting receiving thanks thank you ok okay allthrive for . , subscription service",
    ),
    (
        "helping",
        "me please out needed now us with this these messages texts message text sms thanks thank you info more guys someone anyone allthrive need \
         i hi hello ? . , about the your program service porfavor por svp sil vous plait sobre esto",
    ),
    // Spanish: what we do, and whom we do it to.
    (
        "mandar",
        "mandar mandarme mandarnos mandando mandandome enviar enviarme enviarnos enviando enviandome escribir escribirme escribirnos escribiendo \
         escribiendome molestar molestarme molestarnos molestando molestandome contactar contactarme contactarnos llamar llamarme textear textearme \
         mensajear mensajearme joder joderme jodiendo fastidiar fastidiarme spamear spamearme acosar acosarme notificar notificarme mandarle \
         chingar chingarme chingando",
    ),
    (
        "manden",
        "mande manden mandes mandeis envie envien envies envieis escriba escriban escribas escribais moleste molesten molestes molesteis \
         contacte contacten contactes contacteis llame llamen llames llameis textee texteen textees mensajee mensajeen mensajees notifique notifiquen \
         fastidien fastidies jodan jodas joda mandan envian escriben",
    ),
    ("deja", "deja dejen deje dejad dejar pare paren para parar cesen cese cesar basta detenga detengan deten"),
    (
        "quita",
        "quitar quitarme quiten quite quita quitenme quiteme quitame borrar borrarme borren borre borra borrenme borreme borrame eliminar eliminarme \
         eliminen elimine elimina eliminenme elimineme eliminame sacar sacarme saquen saque saca saquenme saqueme sacame remover removerme \
         remuevan remueva remuevanme remuevame remueveme retirar retirarme retirenme retireme retirame",
    ),
    (
        "nomas",
        "mas nada mensaje mensajes texto textos sms notificacion notificaciones ya nunca avisos promociones publicidad tonterias esto estos estas cosas por \
         porfavor favor gracias de a este numero ningun ni otro otra vez jamas cabrones . ,",
    ),
    ("equivocado", "equivocado incorrecto erroneo equivocada"),
    // French: what we do, and whom we do it to.
    (
        "envoyer",
        "envoyer menvoyer denvoyer ecrire mecrire decrire contacter deranger harceler embeter texter spammer spamer solliciter appeler mappeler \
         importuner mimportuner notifier relancer",
    ),
    (
        "envoyez",
        "menvoyez menvoie menvoies nenvoyez envoyez envoie mecrivez mecris mecrit necrivez ecrivez ecris contactez contacte contactes derangez derange \
         deranges sollicitez harcelez embetez embete texte textez spammez mappelez mappelle relancez notifiez mimportunez importunez",
    ),
    ("arretez", "arretez arrete arreter arretes darreter cessez cesse cesser stop stoppez stopper stoppe"),
    ("plus", "plus pas jamais rien"),
    (
        "retirez",
        "retirez retirer retire retirezmoi enlevez enlever enleve supprimez supprimer supprime otez oter rayez rayer effacez effacer efface \
         desabonnez desabonner desabonne desinscrivez desinscrire desinscris desinscrit",
    ),
    (
        "desabonner",
        "desabonner desabonne desabonnez desabonnes desabonnement desinscrire desinscris desinscrivez desinscription resilier resiliez resiliation \
         mdesabonner",
    ),
];

static SETS: LazyLock<HashMap<&str, HashSet<String>>> =
    LazyLock::new(|| CLASSES.iter().map(|(class, words)| (*class, words.split_whitespace().map(squeezed).collect())).collect());

/// The words of a class, as they stand in the table; none if there is no such class.
pub(super) fn words(class: &str) -> Vec<&'static str> {
    CLASSES.iter().filter(|(name, _)| *name == class).flat_map(|(_, words)| words.split_whitespace()).collect()
}

/// Whether the plain word `word` is of the class.
pub(super) fn contains(class: &str, word: &str) -> bool {
    SETS.get(class).is_some_and(|words| words.contains(word))
}

/// The names of all classes.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CLASSES.iter().map(|(class, _)| *class)
}
