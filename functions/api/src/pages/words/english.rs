//! The pages in English.

use jiff::SignedDuration;
use sms::{
    consent::{Action, Method},
    gates::Gate,
    kind::{Category, Kind},
    message::Status,
    text::Locale,
};

use super::Words;

pub static WORDS: Words = Words {
    locale: Locale::En,
    other: ("Español", Locale::Es),
    title: "Your text messages",
    error: "Error",
    skip: "Skip to the content",
    language_switch: "Language",
    stop: "Stop everything",
    stop_hint: "ends all texts at once",
    looking_only: "This link lets you look but not change anything. Text HELP to get one that does.",
    faults: "Something needs another look",

    phone: "Phone number",
    phone_proven: |number| format!("Your texts go to the number ending in {number}. You have proven that it is yours."),
    phone_unproven: |number| format!("The number ending in {number} is not proven to be yours yet, so it gets no texts."),
    phone_none: "We have no number of yours, so you get no texts.",
    phone_prove: "Prove your number",
    phone_change: "Use another number",
    phone_change_hint: "A new number starts without your agreement to texts: turn them on again once it is proven.",
    phone_label: "Mobile number",
    phone_hint: "With area code, such as 202 555 0101. Message and data rates may apply.",
    send_code: "Text me a code",
    code_sent_to: |number| format!("We texted a code with six digits to {number}."),
    code_for: |minutes| if minutes == 1 { "It works for one more minute.".to_owned() } else { format!("It works for {minutes} more minutes.") },
    code_label: "Code from the text",
    code_hint: "Six digits",
    check_code: "Confirm",
    resend_code: "Send it again",
    other_number: "Use another number",

    texts: "What we text you",
    texts_on: |since| format!("Texts are on. You agreed on {since}."),
    texts_off: "Texts are off. Nothing is sent, whatever is ticked below.",
    texts_stopped: "All texts to your number are stopped. To get them again, text START to the number that our texts come from.",
    texts_label: "Text me",
    texts_needs_phone: "Prove your number first, above.",
    disclosure: |version| format!("What you agree to when you turn this on (version {version}):"),
    kinds: "Kinds of texts",
    kinds_hint: "Each counts only while “Text me” is on.",
    category: |category| match category {
        Category::BattleInvitations => ("Battle invitations", "Somebody challenges you to a battle."),
        Category::BattleResults => ("Battle results", "A battle of yours is decided."),
        Category::BattleReminders => ("Battle reminders", "A battle of yours ends soon."),
        Category::StreakAlerts => ("Streak alerts", "Your streak ends unless you act today."),
        Category::DirectMessages => ("Direct messages", "Somebody wrote to you while you were away."),
        Category::Achievements => ("Achievements", "You reached something new."),
    },
    category_stopped: "Stopped by a text from your number. Text START to get it again.",
    example: "Example",
    example_of: |name| format!("of {name}"),
    quiet: "Time and language",
    quiet_hours: "These texts keep quiet from 9 at night to 8 in the morning where you are. What comes up at night waits for the morning or is left out. \
        Codes that you ask for and alerts about the safety of your account come at any time.",
    zone_label: "Time zone",
    zone_none: "Go by my number",
    zone_us: "United States",
    language_label: "Language of texts and of this page",
    save: "Save",

    history: "Everything we sent you",
    history_none: "Nothing yet.",
    history_older: "Older texts",
    history_newest: "Newest texts",
    kind,
    status,
    meaning,
    why_sent,
    why_not,
    stopped_meanwhile: "You stopped it before it was sent.",
    code_hidden: "The code itself is kept nowhere.",

    ledger: "What you agreed to",
    ledger_hint: "Every yes and every no. Nothing here is ever changed or removed.",
    ledger_none: "You have never agreed to texts.",
    ledger_broken: "This record does not add up: somebody may have changed it. Please tell us.",
    action: |action| match action {
        Action::Given => "You said yes",
        Action::Revoked => "You said no",
        Action::Erased => "You were erased",
    },
    method: |method| match method {
        Method::OptInModal => "when AllThrive asked you",
        Method::SettingsPage => "on your settings page",
        Method::PhoneVerification => "by changing your number",
        Method::SmsKeyword => "by text message",
        Method::Api => "through AllThrive",
        Method::Carrier => "by blocking our texts on your phone",
    },
    for_number: |number| format!("for the number ending in {number}"),
    from_address: |address| format!("from the address {address}"),
    wording: |version| match version {
        Some(version) => format!("What you were shown (version {version})"),
        None => "What was said".to_owned(),
    },

    footer: |contact| format!("Text STOP to end all texts, HELP for help. Questions: {contact}"),
    moment: |at| at.strftime("%b %-d, %Y, %-I:%M %p %Z").to_string(),

    done_code: "The code is on its way.",
    done_proven: "Thank you. This number is yours.",
    done_saved: "Saved.",
    done_stopped: "Everything is stopped. You get no more texts from us.",

    bad_phone: "Enter a mobile number with its area code, such as 202 555 0101.",
    bad_country: "We do not text numbers of this country. Enter a number of the United States.",
    too_many_codes: |wait| format!("Too many codes were asked for. Try again in {}.", span(wait)),
    bad_code: "Enter the six digits of the code.",
    wrong_code: |left| match left {
        0 => "That was not the code, and the last try. Ask for a new one.".to_owned(),
        1 => "That is not the code. You have one more try.".to_owned(),
        left => format!("That is not the code. You have {left} more tries."),
    },
    code_locked: "Too many wrong codes. Ask for a new one.",
    code_over: "This code does not work any more. Ask for a new one.",
    no_kind: "Tick at least one kind of text, or turn “Text me” off.",
    bad_zone: "Choose a time zone from the list.",
    stale: "Your settings were changed somewhere else meanwhile, so nothing was saved. This is how they are now: change them again if you like.",
    conflict: "Somebody else is changing your settings right now. Try again.",

    no_link: "This link does not work any more",
    no_link_what: "Links to this page work for a short time only, to keep your settings yours. To get a new one, text HELP to the number that our texts \
        come from, or open your settings in AllThrive.",
    not_from_here: "Nothing was changed",
    not_from_here_what: "What was sent did not come from the page that you have open. Go back, reload the page, and try again.",
    broken: "Something went wrong here",
    broken_what: "It is not your fault. Wait a moment and try again. To stop all texts at once, text STOP to the number that they come from.",
    opening: "Opening your settings",
    again: "Open your settings",
};

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::BattleInvitation => "Battle invitation",
        Kind::BattleResult => "Battle result",
        Kind::BattleReminder => "Battle reminder",
        Kind::StreakAlert => "Streak alert",
        Kind::DirectMessage => "Direct message",
        Kind::AchievementUnlock => "Achievement",
        Kind::SecurityAlert => "Security alert",
        Kind::PhoneVerification => "Verification code",
        Kind::OptInConfirmation => "Welcome",
        Kind::OptOutConfirmation => "Confirmation of your stop",
        Kind::HelpReply => "Answer to HELP",
        Kind::Digest => "Summary",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Pending | Status::Sending => "On its way",
        Status::Sent => "Sent",
        Status::Delivered => "Delivered",
        Status::Undelivered => "Not delivered",
        Status::Failed => "Refused by the network",
        Status::Unknown => "Not sure",
        Status::Held => "Waiting",
        Status::Suppressed => "Not sent",
        Status::Expired => "Not sent: too late",
        Status::Merged => "In a summary",
    }
}

fn meaning(status: Status) -> &'static str {
    match status {
        Status::Undelivered => "Your phone or its network did not take it.",
        Status::Failed => "The network would not take it from us.",
        Status::Unknown => "The network gave no answer: it may have reached you or not.",
        Status::Held => "It waits for the morning where you are.",
        Status::Expired => "It was of no use any more when its turn came.",
        Status::Merged => "It is part of a text that sums up several.",
        Status::Pending | Status::Sending | Status::Sent | Status::Delivered | Status::Suppressed => "",
    }
}

fn why_sent(kind: Kind) -> &'static str {
    match kind {
        Kind::SecurityAlert => "You agreed to texts, and alerts about the safety of your account are always part of them.",
        Kind::PhoneVerification => "Somebody who uses your account asked for a code for this number.",
        Kind::OptInConfirmation => "You agreed to texts: this says so once.",
        Kind::OptOutConfirmation => "You told us to stop: this says so once.",
        Kind::HelpReply => "You texted HELP.",
        _ => "You agreed to texts, and this kind was on.",
    }
}

fn why_not(gate: Gate) -> &'static str {
    match gate {
        Gate::Schema | Gate::Content => "It could not be put into a text that we may send.",
        Gate::Duplicate => "It was sent before.",
        Gate::Recipient => "We had no number of yours.",
        Gate::PhoneVerified => "Your number was not proven to be yours.",
        Gate::Country => "We do not text numbers of this country.",
        Gate::OptOut => "You had told us to stop.",
        Gate::Consent => "You had not agreed to texts to this number.",
        Gate::MasterSwitch => "Texts were off.",
        Gate::Category => "This kind was off.",
        Gate::Offline => "You were in the app, where you could see it.",
        Gate::Expiry => "It was of no use any more.",
        Gate::QuietHours => "It was night where you are.",
        Gate::UserDailyCap => "You had had enough texts that day.",
        Gate::CarrierHourlyCap => "Your number had had enough texts that hour.",
        Gate::Budget => "We had sent all that we may send for now.",
    }
}

fn span(wait: SignedDuration) -> String {
    match wait.as_secs() {
        seconds @ ..=90 => format!("{} seconds", seconds.max(1)),
        seconds @ 91..=5400 => format!("{} minutes", (seconds + 59) / 60),
        seconds => format!("{} hours", (seconds + 3599) / 3600),
    }
}
