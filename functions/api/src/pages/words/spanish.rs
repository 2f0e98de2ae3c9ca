//! The pages in Spanish.

use jiff::{SignedDuration, Zoned};
use sms::{
    consent::{Action, Method},
    gates::Gate,
    kind::{Category, Kind},
    message::Status,
    text::Locale,
};

use super::Words;

pub static WORDS: Words = Words {
    locale: Locale::Es,
    other: ("English", Locale::En),
    title: "Tus mensajes de texto",
    error: "Error",
    skip: "Ir al contenido",
    language_switch: "Idioma",
    stop: "Detener todo",
    stop_hint: "termina todos los mensajes al instante",
    looking_only: "Con este enlace puedes mirar, pero no cambiar nada. Envía HELP para recibir uno que sí lo permita.",
    faults: "Hay algo que revisar",

    phone: "Número de teléfono",
    phone_proven: |number| format!("Tus mensajes llegan al número que termina en {number}. Has demostrado que es tuyo."),
    phone_unproven: |number| format!("Aún no has demostrado que el número que termina en {number} es tuyo, así que no recibe mensajes."),
    phone_none: "No tenemos ningún número tuyo, así que no recibes mensajes.",
    phone_prove: "Confirma tu número",
    phone_change: "Usar otro número",
    phone_change_hint: "Un número nuevo empieza sin tu permiso para recibir mensajes: vuelve a activarlos cuando lo hayas confirmado.",
    phone_label: "Número de móvil",
    phone_hint: "Con código de área, por ejemplo 202 555 0101. Pueden aplicarse tarifas de mensajes y datos.",
    send_code: "Enviarme un código",
    code_sent_to: |number| format!("Enviamos un código de seis cifras a {number}."),
    code_for: |minutes| if minutes == 1 { "Sirve un minuto más.".to_owned() } else { format!("Sirve {minutes} minutos más.") },
    code_label: "Código del mensaje",
    code_hint: "Seis cifras",
    check_code: "Confirmar",
    resend_code: "Enviarlo otra vez",
    other_number: "Usar otro número",

    texts: "Qué te enviamos",
    texts_on: |since| format!("Los mensajes están activados. Los aceptaste el {since}."),
    texts_off: "Los mensajes están desactivados. No se envía nada, aunque haya opciones marcadas abajo.",
    texts_stopped: "Todos los mensajes a tu número están detenidos. Para volver a recibirlos, envía START al número desde el que te escribimos.",
    texts_label: "Enviarme mensajes",
    texts_needs_phone: "Antes confirma tu número, más arriba.",
    disclosure: |version| format!("Lo que aceptas al activarlo (versión {version}):"),
    kinds: "Tipos de mensajes",
    kinds_hint: "Solo cuentan mientras «Enviarme mensajes» está activado.",
    category: |category| match category {
        Category::BattleInvitations => ("Invitaciones a batallas", "Alguien te reta a una batalla."),
        Category::BattleResults => ("Resultados de batallas", "Se decide una de tus batallas."),
        Category::BattleReminders => ("Recordatorios de batallas", "Una de tus batallas termina pronto."),
        Category::StreakAlerts => ("Avisos de racha", "Tu racha termina si no haces nada hoy."),
        Category::DirectMessages => ("Mensajes directos", "Alguien te escribió mientras no estabas."),
        Category::Achievements => ("Logros", "Alcanzaste algo nuevo."),
    },
    category_stopped: "Detenido por un mensaje desde tu número. Envía START para volver a recibirlo.",
    example: "Ejemplo",
    example_of: |name| format!("de {name}"),
    quiet: "Hora e idioma",
    quiet_hours: "Estos mensajes guardan silencio desde las 9 de la noche hasta las 8 de la mañana donde estás. Lo que surge de noche espera a la mañana o \
        no se envía. Los códigos que pides y los avisos sobre la seguridad de tu cuenta llegan a cualquier hora.",
    zone_label: "Zona horaria",
    zone_none: "Según mi número",
    zone_us: "Estados Unidos",
    language_label: "Idioma de los mensajes y de esta página",
    save: "Guardar",

    history: "Todo lo que te enviamos",
    history_none: "Nada todavía.",
    history_older: "Mensajes anteriores",
    history_newest: "Mensajes más recientes",
    kind,
    status,
    meaning,
    why_sent,
    why_not,
    stopped_meanwhile: "Lo detuviste antes de que se enviara.",
    code_hidden: "El código en sí no se guarda en ninguna parte.",

    ledger: "Lo que aceptaste",
    ledger_hint: "Cada sí y cada no. Aquí nunca se cambia ni se borra nada.",
    ledger_none: "Nunca has aceptado mensajes.",
    ledger_broken: "Este registro no cuadra: puede que alguien lo haya cambiado. Avísanos, por favor.",
    action: |action| match action {
        Action::Given => "Dijiste que sí",
        Action::Revoked => "Dijiste que no",
        Action::Erased => "Se borraron tus datos",
    },
    method: |method| match method {
        Method::OptInModal => "cuando AllThrive te preguntó",
        Method::SettingsPage => "en tu página de ajustes",
        Method::PhoneVerification => "al cambiar de número",
        Method::SmsKeyword => "por mensaje de texto",
        Method::Api => "a través de AllThrive",
        Method::Carrier => "al bloquear nuestros mensajes en tu teléfono",
    },
    for_number: |number| format!("para el número que termina en {number}"),
    from_address: |address| format!("desde la dirección {address}"),
    wording: |version| match version {
        Some(version) => format!("Lo que se te mostró (versión {version})"),
        None => "Lo que se dijo".to_owned(),
    },

    footer: |contact| format!("Envía STOP para terminar todos los mensajes, HELP para recibir ayuda. Preguntas: {contact}"),
    moment,

    done_code: "El código está en camino.",
    done_proven: "Gracias. Este número es tuyo.",
    done_saved: "Guardado.",
    done_stopped: "Todo está detenido. No recibirás más mensajes nuestros.",

    bad_phone: "Escribe un número de móvil con su código de área, por ejemplo 202 555 0101.",
    bad_country: "No enviamos mensajes a números de este país. Escribe un número de Estados Unidos.",
    too_many_codes: |wait| format!("Se pidieron demasiados códigos. Inténtalo de nuevo en {}.", span(wait)),
    bad_code: "Escribe las seis cifras del código.",
    wrong_code: |left| match left {
        0 => "Ese no era el código, y era el último intento. Pide uno nuevo.".to_owned(),
        1 => "Ese no es el código. Te queda un intento.".to_owned(),
        left => format!("Ese no es el código. Te quedan {left} intentos."),
    },
    code_locked: "Demasiados códigos incorrectos. Pide uno nuevo.",
    code_over: "Este código ya no sirve. Pide uno nuevo.",
    no_kind: "Marca al menos un tipo de mensaje o desactiva «Enviarme mensajes».",
    bad_zone: "Elige una zona horaria de la lista.",
    stale: "Tus ajustes se cambiaron en otra parte mientras tanto, así que no se guardó nada. Así están ahora: cámbialos de nuevo si quieres.",
    conflict: "Alguien más está cambiando tus ajustes en este momento. Inténtalo de nuevo.",

    no_link: "Este enlace ya no funciona",
    no_link_what: "Los enlaces a esta página sirven poco tiempo, para que tus ajustes sigan siendo tuyos. Para recibir uno nuevo, envía HELP al número desde el \
        que te escribimos o abre tus ajustes en AllThrive.",
    not_from_here: "No se cambió nada",
    not_from_here_what: "Lo que se envió no venía de la página que tienes abierta. Vuelve atrás, recarga la página e inténtalo de nuevo.",
    broken: "Algo salió mal aquí",
    broken_what: "No es culpa tuya. Espera un momento e inténtalo de nuevo. Para detener todos los mensajes al instante, envía STOP al número desde el que llegan.",
    opening: "Abriendo tus ajustes",
    again: "Abrir tus ajustes",
};

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::BattleInvitation => "Invitación a una batalla",
        Kind::BattleResult => "Resultado de una batalla",
        Kind::BattleReminder => "Recordatorio de una batalla",
        Kind::StreakAlert => "Aviso de racha",
        Kind::DirectMessage => "Mensaje directo",
        Kind::AchievementUnlock => "Logro",
        Kind::SecurityAlert => "Aviso de seguridad",
        Kind::PhoneVerification => "Código de verificación",
        Kind::OptInConfirmation => "Bienvenida",
        Kind::OptOutConfirmation => "Confirmación de que paramos",
        Kind::HelpReply => "Respuesta a HELP",
        Kind::Digest => "Resumen",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Pending | Status::Sending => "En camino",
        Status::Sent => "Enviado",
        Status::Delivered => "Entregado",
        Status::Undelivered => "No entregado",
        Status::Failed => "Rechazado por la red",
        Status::Unknown => "No se sabe",
        Status::Held => "En espera",
        Status::Suppressed => "No enviado",
        Status::Expired => "No enviado: ya era tarde",
        Status::Merged => "En un resumen",
    }
}

fn meaning(status: Status) -> &'static str {
    match status {
        Status::Undelivered => "Tu teléfono o su red no lo aceptó.",
        Status::Failed => "La red no quiso aceptarlo.",
        Status::Unknown => "La red no respondió: puede que te haya llegado o no.",
        Status::Held => "Espera a que sea de mañana donde estás.",
        Status::Expired => "Ya no servía cuando le llegó el turno.",
        Status::Merged => "Forma parte de un mensaje que resume varios.",
        Status::Pending | Status::Sending | Status::Sent | Status::Delivered | Status::Suppressed => "",
    }
}

fn why_sent(kind: Kind) -> &'static str {
    match kind {
        Kind::SecurityAlert => "Aceptaste mensajes, y los avisos sobre la seguridad de tu cuenta siempre forman parte de ellos.",
        Kind::PhoneVerification => "Alguien que usa tu cuenta pidió un código para este número.",
        Kind::OptInConfirmation => "Aceptaste mensajes: este lo dice una vez.",
        Kind::OptOutConfirmation => "Nos dijiste que paráramos: este lo dice una vez.",
        Kind::HelpReply => "Enviaste HELP.",
        _ => "Aceptaste mensajes y este tipo estaba activado.",
    }
}

fn why_not(gate: Gate) -> &'static str {
    match gate {
        Gate::Schema | Gate::Content => "No se pudo convertir en un mensaje que podamos enviar.",
        Gate::Duplicate => "Ya se había enviado.",
        Gate::Recipient => "No teníamos ningún número tuyo.",
        Gate::PhoneVerified => "No habías demostrado que tu número es tuyo.",
        Gate::Country => "No enviamos mensajes a números de este país.",
        Gate::OptOut => "Nos habías dicho que paráramos.",
        Gate::Consent => "No habías aceptado mensajes a este número.",
        Gate::MasterSwitch => "Los mensajes estaban desactivados.",
        Gate::Category => "Este tipo estaba desactivado.",
        Gate::Offline => "Estabas en la aplicación, donde podías verlo.",
        Gate::Expiry => "Ya no servía.",
        Gate::QuietHours => "Era de noche donde estás.",
        Gate::UserDailyCap => "Ya habías recibido bastantes mensajes ese día.",
        Gate::CarrierHourlyCap => "Tu número ya había recibido bastantes mensajes esa hora.",
        Gate::Budget => "Ya habíamos enviado todo lo que podemos enviar por ahora.",
    }
}

fn moment(at: &Zoned) -> String {
    const MONTHS: [&str; 12] = ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"];
    let month = usize::try_from(at.month() - 1).ok().and_then(|month| MONTHS.get(month)).copied().unwrap_or_default();
    format!("{} {month} {}, {}", at.day(), at.year(), at.strftime("%-H:%M %Z"))
}

fn span(wait: SignedDuration) -> String {
    match wait.as_secs() {
        ..=1 => "1 segundo".to_owned(),
        seconds @ 2..=90 => format!("{seconds} segundos"),
        seconds @ 91..=5400 => format!("{} minutos", (seconds + 59) / 60),
        seconds => format!("{} horas", (seconds + 3599) / 3600),
    }
}
