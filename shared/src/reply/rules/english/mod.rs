//! English.

mod out;
mod unsure;

use super::Language;

pub(super) const RULES: Language = Language {
    demands: out::DEMANDS,
    harmless: unsure::HARMLESS,
    doubts: unsure::DOUBTS,
    spared: &[(
        "everything but some categories (en)",
        &["stop|unsubscribe|cancel|optout|mute|end ..3 everything|all ..2 but|except @tail* @categories @tail* $"],
    )],
    named: out::NAMED,
    stop: out::STOP,
    start: &[(
        "phrase text me again (en)",
        &[
            "^^ @hi* start|resume|restart|continue sending|texting|messaging|notifying|contacting @resume* $$",
            "^^ @hi* start|begin|resume to? send|text|message @resume* $$",
            "^^ @hi* text|message me again @resume* $$",
            "^^ @hi* opt|sign|add|put me back in|up|on @resume* $$",
            "^^ @hi* sign|subscribe me up @resume* $$",
            "^^ @hi* opt me in @resume* $$",
            "^^ @hi* turn @resume* back? on @resume* $$",
            "^^ @hi* i|id want|wanna|would|like to? like? to? get|receive|start|resume|resubscribe|subscribe|optin @resume* again|back @resume* $$",
            "^^ @hi* i|id want|wanna|would|like to? like? to? resubscribe|subscribe|optin|unstop|start|resume @resume* $$",
            "^^ @hi* i want|wanna|need|would|like to? opt back in @resume* $$",
            "^^ @hi* i want @resume* @messages again|back @resume* $$",
        ],
    )],
    help: &[(
        "phrase I need help (en)",
        &[
            "^ @hi* i|we? need|want|require some|more? help|assistance|info|information @helping* $",
            "need help|assistance logging|signing|accessing|verifying|changing|updating|finding|resetting",
            "need help|assistance with ..4 account|app|phone|number|login|password|messages|texts|code|link|profile|verification|subscription|settings",
            "^ @hi* can|could|would|will you|someone|anyone please? help @helping* $",
            "^ @hi* can|could|how i|we do? get|have some? help|info|assistance|support @helping* $",
            "^ @hi* how do|can i get|contact|reach help|support|someone @helping* $",
            "^^ @hi* support|assistance @helping* $$",
        ],
    )],
    leading: &[],
    hints: unsure::HINTS,
};
