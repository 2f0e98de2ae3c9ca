//! French, with and without its apostrophes: "m'envoyez" and "menvoyez" are the same word by now.

use super::{Language, Rule};

pub(super) const RULES: Language = Language {
    demands: &[(
        "phrase why do you not stop (fr)",
        &["pourquoi vous|tu narretez|narretes|continuez|continues", "si vous|tu narretez|narretes|cessez pas"],
    )],
    harmless: HARMLESS,
    doubts: &[
        (
            "one battle, not the texts (fr)",
            &[
                "^ @hi* annuler|annulez|annule|arreter|arretez|arrete|stop la|ma|mon|le|ce|cette|un|une bataille|duel|defi|serie|combat|partie|match",
                "annuler|annulez|annule bataille|duel|defi",
            ],
        ),
        // "Plus de défis" is "no more" to one and "more" to another.
        ("more, or no more (fr)", &["^ @hi* plus de|d bataille|batailles|defis|duels|combats|badges|trophees|series @hi* $"]),
        ("limited in time (fr)", &["@envoyez|@arretez ..4 nuit|soir|matin|travail|dimanche|tard|tot"]),
        ("asks about stopping (fr)", &["que se passe|passet il si", "si je ..3 stop|arret", "pourquoi ..3 desabonne|desinscrit"]),
    ],
    spared: &[(
        "everything but some categories (fr)",
        &["@arretez|annuler|annulez|desabonner|desabonnez ..2 tout|tous|toutes ..2 sauf|excepte @categories @tail* $"],
    )],
    named: NAMED,
    stop: STOP,
    start: &[(
        "phrase text me again (fr)",
        &[
            "^^ @hi* reprendre|reprenez|commencer|recommencer|recommencez|demarrer|debut|abonner|abonnezmoi|reabonner|sabonner|reactiver @resume* $$",
            "^^ @hi* mabonner|reabonnez|abonnez moi? @resume* $$",
            "^^ @hi* je veux|souhaite ..2 a? nouveau? recevoir ..3 messages|sms|textos a? nouveau? @tail* $$",
        ],
    )],
    help: &[(
        "phrase I need help (fr)",
        &[
            "^ @hi* a? laide @helping* $",
            "^ @hi* aidez|aide|aider moi @helping* $",
            "jai besoin d? ..1 aide|daide",
            "besoin daide|d aide? @helping* $",
            "^ @hi* pouvez|peux vous|tu maider|aider @helping* $",
        ],
    )],
    leading: &[],
    hints: &[
        (
            "fed up, perhaps (fr)",
            &[
                "^ @hi* assez $",
                "ca sufit|suffit",
                "trop de messages|sms|textos",
                "y en a marre",
                "ras le bol",
                "jen ai marre|assez",
                "la ferme",
                "^ @hi* quitter $",
            ],
        ),
        ("not interested (fr)", &["pas interesse|interessee", "ne minteresse pas", "ca minteresse pas"]),
        (
            "who are you (fr)",
            &[
                "vous faites erreur",
                "connais pas",
                "qui es|etes tu|vous",
                "cest qui",
                "qui est ce|cest",
                "comment avez vous ..1 eu ..1 mon numero",
                "je ne? vous|te connais pas",
                "pourquoi vous|tu @envoyez|mecrivez",
            ],
        ),
        ("complaint (fr)", &["arnaque|harcelement|plainte|signaler|33700"]),
    ],
};

const HARMLESS: &[Rule] = &[
    (
        "negation (fr)",
        &[
            "narretez|narrete|narretes|narreter|arretez|arrete pas|jamais ..2",
            "ne|nous|me|pas vous? arretez|arrete|arreter|desabonnez|supprimez|retirez|desinscrivez pas",
            "ne pas me? desabonner|arreter|annuler|supprimer|retirer|stop|desinscrire",
            "ne mdesabonnez|desabonnez|annulez|supprimez|retirez|menlevez|menleve pas",
            "nannulez|annulez|annule|nannule pas",
            "sans arret",
            "je ne? veux|voulais|peux|arrive ..1 pas|plus me|marreter|arreter|desabonner|annuler ..1",
            "jarrive pas a marreter|arreter",
            "pas dit stop",
        ],
    ),
    (
        "words like stop (fr)",
        &[
            "arret de|du|maladie|cardiaque|bus|tram",
            "un|l|larret|cet|prochain arret|stop",
            "larret",
            "fin de|du|des",
            "la|en fin",
            "a la fin",
            "plus de points|temps|chance|niveaux|fun|monde",
            "je|il|elle|on arrete|marrete",
            "il|elle|on sarrete",
            "repondez|envoyez|envoie stop pour|au",
        ],
    ),
];

const NAMED: &[Rule] = &[
    (
        "stop sending categories (fr)",
        &[
            "^ @hi* @arretez|annuler|annulez|desactiver|desactivez|supprimer|supprimez avec|de|d @envoyer? @categories @tail* $",
            "^ @hi* @arretez|annuler|annulez|desactiver|desactivez|supprimer|supprimez @categories @tail* $",
            "@arretez de|d me? @envoyer @categories @tail* $",
            "@arretez de|d me @categories @tail* $",
            "@arretez de @categories @tail* $",
        ],
    ),
    (
        "no more of categories (fr)",
        &[
            "^ @hi* plus @categories @tail* $",
            "^ @hi* plus d|de|dinvitations|aucun|aucune|jamais @categories @tail* $",
            "^ @hi* pas de|d @categories @tail* $",
            "ne? veux|souhaite|desire plus|pas recevoir? de|d|aucun|aucune|les|vos @categories @tail* $",
            "ne? veux|souhaite|desire plus|pas recevoir? @categories @tail* $",
            "ne? @envoyez plus|pas de|d? @categories @tail* $",
            "desabonner|desabonnez moi? @categories @tail* $",
        ],
    ),
];

const STOP: &[Rule] = &[
    (
        "keyword arrêt (fr)",
        &[
            "^ @hi* arretez|arrete|arreter|cessez|stopper|stoppez|desabonner|desinscrire|desabonnement|desinscription|resilier @tail* $",
            "^^ @hi* annuler|annulez|fin|terminer|supprimer @tail* $$",
        ],
    ),
    (
        "phrase stop texting (fr)",
        &[
            "comment ..3 @arretez @tail* $",
            "arretez|cessez $",
            "@arretez de|d me|nous|m|n? @envoyer",
            "@arretez @envoyer",
            "@arretez de? mharceler|me|nous harceler|deranger|contacter|spammer|embeter|solliciter|ecrire|texter",
            "@arretez avec? @the* @messages",
            "@arretez de? ..1 @messages",
            "je veux|voudrais|souhaite que? vous? ..1 arretiez|arreter|cessiez|arretez|stopper @tail*",
        ],
    ),
    (
        "phrase do not text me (fr)",
        &[
            "^ @hi* degagez|degage|fichez|foutez le? camp? @tail* $",
            "lachez|lache moi|nous",
            "ne me|nous|m|n? @envoyez ..1 @plus",
            "ne @envoyez ..1 @plus",
            "@envoyez plus|jamais",
            "nenvoyez plus|pas",
            "me|nous|m @envoyez plus|pas|jamais",
            "ne plus|pas me? @envoyer",
            "plus me? @envoyer",
            "laissez|laisse|fichez|foutez|fiche|fous moi|nous ..1 la|tranquille|tranquilles paix?",
        ],
    ),
    (
        "phrase no more texts (fr)",
        &[
            "^ @hi* plus jamais @tail* $",
            "^ @hi* plus|aucun|aucune de|d|aucun? ..1 @messages @tail* $",
            "plus jamais de @messages",
            "^ @hi* pas de @messages @tail* $",
        ],
    ),
    (
        "phrase do not want texts (fr)",
        &[
            "ne? plus|pas recevoir ..3 @messages",
            "jen|nen veux plus @tail* $",
            "en veux plus @tail* $",
            "ne? veux|souhaite|desire|voulons|souhaitons|voudrais ..1 plus|pas|jamais ..4 @messages",
            "ne? veux|souhaite|desire|voulons ..1 plus|pas recevoir|en|etre|rien|que ..2 $",
            "ne? veux|souhaite|desire ..1 plus|pas etre contacte|derange|contactee|derangee",
            "veux|souhaite plus recevoir",
            "jamais demande|accepte ..3 @messages",
            "pas demande ..3 @messages",
            "jamais inscrit|abonne|inscrite|abonnee",
            "retire|revoque mon consentement|accord",
            "ne? consens|autorise pas",
            "veux|souhaite|voudrais plus de @messages",
        ],
    ),
    (
        "phrase take me off (fr)",
        &[
            "@retirez mon|ce|mes numero|nom|telephone|coordonnees|donnees",
            "@retirez moi|nous|me",
            "me @retirez ..3 liste|listes|base|numero",
            "menlever|me retirer|supprimer|rayer|desinscrire|desabonner",
            "@retirez ..4 liste|listes|fichier|fichiers|base",
            "oubliez|oublie|perdez mon|ce numero",
        ],
    ),
    (
        "phrase unsubscribe (fr)",
        &[
            "@desabonner moi|me",
            "me|m|se|vous|comment ..1 @desabonner",
            "mdesabonner",
            "^ @hi* @desabonner",
            "veux|voudrais|souhaite|comment|peux ..2 @desabonner|annuler|arreter|mdesabonner @tail* $",
        ],
    ),
    (
        "phrase wrong number (fr)",
        &[
            "mauvais|faux numero",
            "erreur|trompe|trompez|trompes|tromper ..1 de? numero|personne",
            "pas le bon numero",
            "ce nest|nes pas|plus ..1 numero",
            "vous vous trompez $",
        ],
    ),
    ("phrase blocking you (fr)", &["je vous|te bloque|bloquer"]),
];
