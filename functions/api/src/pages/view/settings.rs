//! What a person can change: their number, whether and what they are texted, and when.

use maud::{Markup, html};
use sms::{
    content::{AchievementUnlock, BattleInvitation, BattleReminder, BattleResult, Content, DirectMessage, StreakAlert},
    kind::Category,
    text::{self, Locale},
    verification::Verification,
};

use super::{
    Sight, ending, written,
    zones::{US, regions},
};
use crate::{
    disclosures,
    pages::{
        acts::{Act, Field},
        form::Form,
        view::Notice,
    },
};

/// The number and its proof.
pub fn phone(sight: &Sight<'_>, notice: &Notice, typed: &Form) -> Markup {
    let words = sight.words;
    let recipient = &sight.recipient;
    let ask = ask(sight, notice, typed);
    html! {
        section #phone-number aria-labelledby="phone-heading" {
            h2 #phone-heading { (words.phone) }
            p {
                @match &recipient.phone {
                    None => { (words.phone_none) }
                    Some(phone) if recipient.phone_verified_at.is_some() => { ((words.phone_proven)(ending(phone))) }
                    Some(phone) => { ((words.phone_unproven)(ending(phone))) }
                }
            }
            @if sight.may_change {
                @if let Some(verification) = &sight.verification {
                    (code(sight, notice, verification))
                } @else if recipient.verified_phone().is_some() {
                    details open[notice.at(Field::Phone).is_some()] {
                        summary { (words.phone_change) }
                        p.hint { (words.phone_change_hint) }
                        (ask)
                    }
                } @else {
                    h3 { (words.phone_prove) }
                    (ask)
                }
            }
        }
    }
}

fn ask(sight: &Sight<'_>, notice: &Notice, typed: &Form) -> Markup {
    let words = sight.words;
    html! {
        form method="post" action="preferences" {
            (sight.hidden())
            label for="phone" { (words.phone_label) }
            (notice.beside(Field::Phone, words))
            input #phone type="tel" name="phone" autocomplete="tel" required value=(typed.get("phone")) autofocus[notice.at(Field::Phone).is_some()]
                aria-describedby=(notice.described(Field::Phone, "phone-hint")) aria-invalid=[notice.invalid(Field::Phone)];
            p.hint #phone-hint { (words.phone_hint) }
            button name="act" value=(Act::SendCode.as_str()) { (words.send_code) }
        }
    }
}

fn code(sight: &Sight<'_>, notice: &Notice, verification: &Verification) -> Markup {
    let words = sight.words;
    let id = verification.verification_id.to_string();
    // Rounded up: a code of ten minutes begins with ten.
    let minutes = (verification.valid_until.duration_since(sight.now).as_secs() + 59) / 60;
    html! {
        p {
            ((words.code_sent_to)(&written(&verification.phone))) " "
            ((words.code_for)(minutes.max(1)))
        }
        form method="post" action="preferences" {
            (sight.hidden())
            input type="hidden" name="verification" value=(id);
            label for="code" { (words.code_label) }
            (notice.beside(Field::Code, words))
            input.code #code name="code" autocomplete="one-time-code" inputmode="numeric" maxlength="12" required autofocus
                aria-describedby=(notice.described(Field::Code, "code-hint")) aria-invalid=[notice.invalid(Field::Code)];
            p.hint #code-hint { (words.code_hint) }
            button name="act" value=(Act::CheckCode.as_str()) { (words.check_code) }
        }
        div.beside {
            form method="post" action="preferences" {
                (sight.hidden())
                input type="hidden" name="verification" value=(id);
                input type="hidden" name="phone" value=(verification.phone.as_e164());
                button.quiet name="act" value=(Act::SendCode.as_str()) { (words.resend_code) }
            }
            a href={ (sight.address(&[])) "#phone-number" } { (words.other_number) }
        }
    }
}

/// Whether and what they are texted, when, and in which language.
pub fn texts(sight: &Sight<'_>, notice: &Notice, typed: &Form) -> Markup {
    let words = sight.words;
    html! {
        section #texts aria-labelledby="texts-heading" {
            h2 #texts-heading { (words.texts) }
            p { (state(sight)) }
            form method="post" action="preferences" {
                (sight.hidden())
                input type="hidden" name="version" value=(sight.recipient.version);
                fieldset.plain disabled[!sight.may_change] {
                    legend.hidden { (words.texts) }
                    (master(sight, notice, typed))
                    (kinds(sight, notice, typed))
                    (quiet(sight, notice, typed))
                    @if sight.may_change {
                        button name="act" value=(Act::Save.as_str()) { (words.save) }
                    }
                }
            }
        }
    }
}

fn state(sight: &Sight<'_>) -> Markup {
    let words = sight.words;
    let stopped = sight.opt_out.as_ref().is_some_and(|opt_out| opt_out.everything_since.is_some());
    html! {
        @match sight.recipient.standing_consent().filter(|_| sight.recipient.sms_enabled) {
            _ if stopped => { strong { (words.texts_stopped) } }
            Some(consent) => { ((words.texts_on)(&(words.moment)(&sight.local(consent.given_at)))) }
            None => { (words.texts_off) }
        }
    }
}

/// Whether a form was sent that has to be shown as it was.
fn was_sent(typed: &Form) -> bool {
    typed.get("act") == Act::Save.as_str()
}

fn master(sight: &Sight<'_>, notice: &Notice, typed: &Form) -> Markup {
    let words = sight.words;
    let on = sight.recipient.sms_enabled && sight.recipient.standing_consent().is_some();
    let ticked = if was_sent(typed) { typed.ticked("texts") } else { on };
    let disclosure = disclosures::current(words.locale);
    html! {
        (notice.beside(Field::Texts, words))
        label.switch.master for="texts-on" {
            input #texts-on type="checkbox" role="switch" name="texts" value="on" checked[ticked] autofocus[notice.at(Field::Texts).is_some()]
                aria-describedby=(notice.described(Field::Texts, "disclosure")) aria-invalid=[notice.invalid(Field::Texts)];
            span { (words.texts_label) }
        }
        div.disclosure #disclosure {
            p { strong { ((words.disclosure)(disclosure.version)) } }
            p { (disclosure.wording) }
        }
        @if !on {
            input type="hidden" name="disclosure" value=(disclosure.version);
        }
    }
}

fn kinds(sight: &Sight<'_>, notice: &Notice, typed: &Form) -> Markup {
    let words = sight.words;
    let on = if was_sent(typed) { typed.categories() } else { sight.recipient.categories };
    let stopped = |category: &Category| sight.opt_out.as_ref().is_some_and(|opt_out| opt_out.categories.contains(category));
    html! {
        fieldset #kinds tabindex="-1" aria-describedby=(notice.described(Field::Kinds, "kinds-hint")) {
            legend { (words.kinds) }
            p.hint #kinds-hint { (words.kinds_hint) }
            (notice.beside(Field::Kinds, words))
            @for category in Category::ALL {
                @let (name, meaning) = (words.category)(category);
                @let id = category.as_str();
                div.kind {
                    label.switch for=(id) {
                        input id=(id) type="checkbox" role="switch" name=(id) value="on" checked[on.allow(category)] aria-describedby={ (id) "-meaning" }
                            autofocus[notice.at(Field::Kinds).is_some() && category == Category::ALL[0]];
                        span { (name) }
                    }
                    p.hint id={ (id) "-meaning" } {
                        (meaning)
                        @if stopped(&category) { " " strong { (words.category_stopped) } }
                    }
                    @if let Some(example) = example(sight, category) {
                        details.example {
                            summary { (words.example) span.hidden { " " ((words.example_of)(name)) } }
                            p.said { (example) }
                        }
                    }
                }
            }
        }
    }
}

fn quiet(sight: &Sight<'_>, notice: &Notice, typed: &Form) -> Markup {
    let words = sight.words;
    let saved = sight.recipient.time_zone.as_deref().unwrap_or_default();
    let zone = if was_sent(typed) { typed.get("time_zone") } else { saved };
    let language = if was_sent(typed) { Locale::of(typed.get("language")) } else { sight.recipient.text_locale() };
    let option = |name: &str, label: &str| html! { option value=(name) selected[name == zone] { (label) } };
    html! {
        fieldset {
            legend { (words.quiet) }
            p.hint #quiet-hours { (words.quiet_hours) }
            label for="time_zone" { (words.zone_label) }
            (notice.beside(Field::Zone, words))
            select #time_zone name="time_zone" autofocus[notice.at(Field::Zone).is_some()]
                aria-describedby=(notice.described(Field::Zone, "quiet-hours")) aria-invalid=[notice.invalid(Field::Zone)] {
                (option("", words.zone_none))
                optgroup label=(words.zone_us) { @for (name, label) in US { (option(name, label)) } }
                @for (region, zones) in regions() {
                    optgroup label=(region) {
                        @for name in zones { (option(name, &name[region.len() + 1..].replace('_', " "))) }
                    }
                }
                // One that has another name elsewhere in the list stays what it is.
                @if !saved.is_empty() && !US.iter().any(|(name, _)| *name == saved) && !regions().iter().any(|(_, zones)| zones.iter().any(|name| name == saved)) {
                    (option(saved, saved))
                }
            }
            label for="language" { (words.language_label) }
            select #language name="language" {
                @for (locale, name) in [(Locale::En, "English"), (Locale::Es, "Español")] {
                    option value=(locale.as_str()) lang=(locale.as_str()) selected[locale == language] { (name) }
                }
            }
        }
    }
}

/// A text of the category, made by what makes the real ones.
fn example(sight: &Sight<'_>, category: Category) -> Option<String> {
    let link = |path: &str| format!("https://{}/{path}", sight.house.link_domains.first().map(String::as_str).unwrap_or_default());
    let said = |english: &str, spanish: &str| if sight.words.locale == Locale::Es { spanish.to_owned() } else { english.to_owned() };
    let topic = || said("Haiku duel", "Duelo de haikus");
    let content = match category {
        Category::BattleInvitations => {
            Content::BattleInvitation(BattleInvitation { inviter_name: "Ada".into(), battle_topic: topic(), invitation_link: link("b/9") })
        }
        Category::BattleResults => {
            let result_summary = said("You won 3 to 2.", "Ganaste 3 a 2.");
            Content::BattleResult(BattleResult { battle_topic: topic(), result_summary, result_link: link("b/9") })
        }
        Category::BattleReminders => {
            let ends_at = sight.now + jiff::SignedDuration::from_hours(2);
            Content::BattleReminder(BattleReminder { battle_topic: topic(), ends_at, battle_link: link("b/9") })
        }
        Category::StreakAlerts => Content::StreakAlert(StreakAlert { streak_count: 7, action_link: link("s") }),
        Category::DirectMessages => {
            Content::DirectMessage(DirectMessage { sender_name: "Ada".into(), conversation_link: link("m/4"), recipient_last_seen_at: None })
        }
        Category::Achievements => {
            let achievement_name = said("Ten battles won", "Diez batallas ganadas");
            Content::AchievementUnlock(AchievementUnlock { achievement_name, achievement_link: link("a/2") })
        }
    };
    text::render(&content, sight.words.locale, sight.house, sight.now, text::CODE_PLACEHOLDER).ok().map(|text| text.body)
}
