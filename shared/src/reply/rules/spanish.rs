//! Spanish.

use super::{Language, Rule};

pub(super) const RULES: Language = Language {
    demands: &[
        (
            "phrase why do you not stop (es)",
            &["por que no dejan|paran|dejas|paras|deja de", "si no dejan|paran|dejas|paras de", "siguen|sigue|sigues @mandar|mandandome|enviandome"],
        ),
        ("phrase never again (es)", &["nunca mas me @manden"]),
    ],
    harmless: HARMLESS,
    doubts: &[
        (
            "one battle, not the texts (es)",
            &[
                "^ @hi* cancelar|cancela|cancelen|terminar|parar|para|alto la|mi|el|este|esta|un|una batalla|duelo|reto|racha|desafio|partida|juego @hi* $",
            ],
        ),
        ("asks about stopping (es)", &["que pasa si ..4", "me cancelaron|quitaron|borraron ..3 por que"]),
        (
            "limited in time (es)",
            &[
                "no me @manden ..3 noche|tarde|temprano|madrugada|trabajo|hoy|domingo|clase",
                "deja|dejen de @mandar ..3 noche|madrugada|hoy|trabajo|clase",
            ],
        ),
    ],
    spared: &[(
        "everything but some categories (es)",
        &["cancelar|cancela|cancelen|alto|parar|paren|basta|stop|quitar|quiten ..2 todo|todos|todas ..2 menos|excepto|salvo @categories @tail* $"],
    )],
    named: NAMED,
    stop: STOP,
    start: &[(
        "phrase text me again (es)",
        &[
            "^^ @hi* inicio|iniciar|inicia|empezar|empezar|comenzar|reanudar|reactivar|reactiva|suscribir|suscribirme|suscribanme|suscribete|activar @resume* otra? vez? $$",
            "^^ @hi* quiero ..3 volver a recibir ..2 mensajes|textos|los|sms @tail* $$",
            "^^ @hi* quiero recibir ..2 mensajes|textos de|otra nuevo|vez vez? $$",
        ],
    )],
    help: &[(
        "phrase I need help (es)",
        &[
            "^ @hi* ayudame|ayudenme|ayudeme @helping* $",
            "^ @hi* necesito|quiero ayuda|informacion|soporte",
            "^ @hi* me puedes|pueden|puede ayudar @helping* $",
        ],
    )],
    leading: &[],
    hints: &[
        (
            "fed up, perhaps (es)",
            &[
                "^ @hi* ya? suficiente $",
                "^ @hi* ya estuvo ..1 $",
                "muchos|demasiados|tantos mensajes|textos",
                "que molestos|pesados|fastidio",
                "callate|callense|vete",
                "chinga|chinguen a? tu|su madre",
                "me tienen harto|harta",
                "^ @hi* alta $",
            ],
        ),
        ("not interested (es)", &["no me interesa", "no estoy interesado|interesada", "no tengo interes"]),
        (
            "who are you (es)",
            &[
                "quien es|eres|son|habla|manda",
                "quienes son",
                "de donde sacaron|sacaste|tienen ..1 mi numero",
                "no los|te|lo|se conozco|quien",
                "que es esto",
                "por que me @manden|mandan|escriben|envian|escribes",
            ],
        ),
        ("complaint (es)", &["denunciar|denuncia|demandar|acoso|estafa"]),
    ],
};

const HARMLESS: &[Rule] = &[
    (
        "negation (es)",
        &[
            "no quiero|quisiera|pienso|voy|queria que? a? me? cancelar|salir|salirme|parar|dejar|cancelen|borren|quiten|desuscribirme|terminar",
            "no me quiten|quites|borren|borres|cancelen|saquen|saques|eliminen|eliminar",
            "no paren|pares|pare|cancelen|canceles|cancele|para|dejen|dejes|dejar|termines|termina|cancelar",
            "no puedo|puede|podia parar|dejar|detenerme de? ..1",
            "sin parar",
            "no quiero|quisiera perder|perderme ..2 @messages",
            "nunca pares|paren|dejes|termina",
            "no he dicho stop|alto",
            "no dije ..2 stop|alto|basta|cancelar",
        ],
    ),
    (
        "words like stop (es)",
        &[
            "fin de semana|ano|mes|curso|la",
            "al|el|por|en fin",
            "para mi|ti|el|la|los|las|que|manana|hoy|esta|siempre|nada|ella|ver|ganar|jugar|un|una|todos",
            "parada de",
            "alto nivel|riesgo|puntaje|rendimiento|ahi",
            "muy|mas|tan|en|lo|es|soy alto",
            "basta con",
            "baja la|el|de? peso|temperatura",
            "muy|mas|en baja",
            "deja que|lo|la|me ver|veo",
            "responde|envia|manda stop para|a",
            "sacame|saqueme una|la|otra foto|fotos|selfie",
        ],
    ),
];

const NAMED: &[Rule] = &[
    (
        "keyword alto, then categories (es)",
        &[
            "^ @hi* alto|parar|pare|paren|para|detener|detengan|basta|cancelar|cancela|cancelen|quitar|quiten|desactivar|desactiven|silenciar|eliminar a|de|con|ya? @categories @tail* $",
            "^ @hi* alto|parar|pare|paren|para|detener|detengan|basta|cancelar|cancela|cancelen|quitar|quiten|desactivar|desactiven|silenciar|eliminar @categories @tail* $",
        ],
    ),
    ("no more of categories (es)", &["^ @hi* no mas @categories @tail* $", "ni un|una @categories mas $"]),
    (
        "stop sending categories (es)",
        &[
            "no me|nos inviten|invites|reten|retes mas? a? @categories @tail* $",
            "deja|dejen|paren|pare|dejar|basta|cesen ya? de @mandar? @categories @tail* $",
            "no me|nos @manden mas? @categories @tail* $",
            "no me|nos @manden|avisen|avises ..2 sobre|de @categories @tail* $",
            "no quiero|deseo|necesito mas? recibir? mas? @categories @tail* $",
            "no quiero|deseo que @categories @tail* $",
            "quiero|quisiera cancelar|dejar|parar de? recibir? @categories @tail* $",
        ],
    ),
];

const STOP: &[Rule] = &[
    (
        "keyword alto (es)",
        &[
            "^^ @hi* alto|parar|pare|paren|para|detener|detente|detengan|detenganse|deten|basta|fin|terminar|salir|baja|anular|borrar|desactivar @tail* $$",
            "^ @hi* alto|paren|detenganse|basta|desuscribir @tail* $",
        ],
    ),
    (
        "keyword cancelar (es)",
        &[
            "^ @hi* cancelar|cancela|cancelen|cancele|cancelenlo|cancelacion @tail* $",
            "como cancelo|desactivo|paro @tail* $",
            "quiero|quisiera|deseo|necesito|como|puedo cancelar|salir|salirme|parar @tail* $",
            "cancelar|cancelen|cancela|anular|anulen ..2 suscripcion|mensajes|textos|notificaciones|servicio",
        ],
    ),
    (
        "phrase unsubscribe (es)",
        &[
            "desuscribir|desuscribirme|desuscribirse|desuscribanme|desuscribame|desuscribeme|desuscripcion|desinscribir|desinscribirme|desinscribanme|desuscriban",
            "darme|denme|deme|dame|dar|den|darse|doy de baja",
            "quiero ..3 la? baja $",
        ],
    ),
    (
        "phrase stop texting (es)",
        &[
            "@deja ya? de estar @mandar",
            "como ..1 dejo|dejar de recibir",
            "dejar|deje|dejen|paren|quiero de recibir|recibiendo ..2",
            "@deja ya? de recibir",
            "parenle|parale|parenlo ya? @tail* $",
            "desactivar|desactiven|desactiva|silenciar|quitar|quiten|eliminar|anular ..2 @messages",
            "@deja ya? de @mandar",
            "@deja ya? con @the* mensajes|textos|sms|mensajitos",
            "basta|alto ya? de|con|a @the* @messages",
            "deja|dejen|deje ya? los|de @messages",
            "para|paren|pare ya? con|los|de @messages",
            "ya|quiero|pido que|favor dejen|deje|paren",
        ],
    ),
    (
        "phrase no more texts (es)",
        &[
            "^ @hi* nada de @messages @tail* $",
            "^ @hi* ya? no mas|quiero|quero mas? @tail* $",
            "no mas ..1 @messages",
            "ni un|una mensaje|texto|notificacion mas",
            "ningun mensaje mas",
            "^ @hi* no @messages $",
            "^ @hi* ya no @tail* $",
        ],
    ),
    (
        "phrase do not text me (es)",
        &[
            "no vuelvan|vuelvas|vuelva a @mandar",
            "no me|nos vuelvan|vuelvas|vuelva a @mandar",
            "ya no me|nos @manden",
            "no me|nos @manden @nomas* $",
            "no me? @manden ni|y|o no? me? @manden @nomas* $",
            "no me|nos @manden mas|nada|mensajes|textos|notificaciones|nunca",
            "nunca|jamas me @manden",
            "no @manden|mandar|enviar|escribir|molestar @nomas* $",
            "no @manden|mandar|enviar mas @messages",
            "no mandarme|enviarme|escribirme|molestarme|contactarme|llamarme",
        ],
    ),
    (
        "phrase do not want texts (es)",
        &[
            "no estoy interesado|interesada en recibir|sus|estos ..1",
            "no quiero|deseo|necesito mas informacion|info|nada",
            "no|nunca quiero|deseo|quisiera|necesito|pedi|solicite|queria|autorice|autorizo|acepte|acepto ..4 @messages",
            "no quiero|deseo|quisiera ..1 recibir|recibirlos|recibiendo|recibo ..2 mas|nada|esto|estos $",
            "no quiero|deseo|quisiera seguir recibiendo",
            "no quiero|deseo que me ..1 @manden",
            "no quiero|deseo ser contactado|contactada",
            "no quiero|queria esto|estos|estas|mas|nada @nomas* $",
            "no quiero saber ..2 ustedes|nada",
            "no|nunca pedi|solicite|autorice|acepte esto|estos|estas @nomas* $",
            "no me suscribi|inscribi|registre",
            "no doy|di ..2 consentimiento|permiso|autorizacion",
            "no autorizo",
            "no me interesa|interesan ..3 @messages",
            "revoco|retiro mi consentimiento|permiso|autorizacion",
        ],
    ),
    (
        "phrase take me off (es)",
        &[
            "que me quiten|borren|saquen|eliminen $",
            "quitenme|quiteme|quitame|borrenme|borreme|borrame|eliminenme|elimineme|eliminame|saquenme|saqueme|sacame|remuevanme|remuevame|remueveme|retirenme|retireme|retirame",
            "@quita ..3 lista|listas|base|registro",
            "@quita mi|este numero|telefono|nombre|contacto",
            "pierdan|pierde|olviden|olvida|olvidate|olvidense de? mi|este numero",
            "me quiten|borren|saquen|eliminen de",
            "quitarme|borrarme|eliminarme|sacarme de",
            "quiero|puedo|como ..1 salir|salirme ..2 lista|grupo|esto|aqui",
        ],
    ),
    (
        "phrase leave me alone (es)",
        &[
            "me dejan|dejen en paz",
            "^ @hi* larguense|largate|largo|vayanse @tail* $",
            "vete|vayanse a la mierda|chingada",
            "^ @hi* dejenme|dejeme|dejame|dejenos|dejennos @tail* $",
            "dejame|dejenme|dejeme|dejanos|dejennos|dejarme ..1 en|tranquilo|tranquila|quieto|tranquilos paz?",
            "no molestar|molesten|molestes|moleste|fastidien|jodan|jodas",
            "no me jodan|jodas|joda",
        ],
    ),
    (
        "phrase wrong number (es)",
        &[
            "numero @equivocado",
            "equivocado|equivocada|equivoco|equivocaron|equivocaste de|el numero|persona|telefono",
            "este no es ..1 numero|telefono",
            "no es|soy|son ..1 numero|persona",
            "@equivocado numero",
            "se equivoco|equivocaron|equivoca ..1 $",
        ],
    ),
    ("phrase blocking you (es)", &["los|te|voy ..2 bloquear|bloqueo|bloqueare|bloqueando|denunciar"]),
];
