//! What people text back in a storm, and what has to have come of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use sms::{
    event::message_id,
    kind::Category,
    message::{Message, Status},
    phone::PhoneNumber,
    reply::{self, Meaning},
};

use super::{
    caps::is_last_word,
    sqs::DEAD,
    taken::Taken,
    world::{Broken, World},
};

/// What there is to say.
pub const WORDS: [&str; 8] = ["STOP", "STOP", "STOP BATTLES", "START", "START", "HELP", "thanks", "please no more texts"];

/// A sender looks at opt-outs a tenth of a second before it claims a text, at most; the rest is for clocks.
const LATEST: SignedDuration = SignedDuration::from_secs(1);

/// Words reach inbound with the millisecond at which they were said: no two were said in the same.
const BREATH: Duration = Duration::from_millis(2);

/// All that was said, in the order in which it was.
#[derive(Debug, Default)]
pub struct Words(Mutex<Vec<Word>>);

/// Something that somebody said.
#[derive(Debug, Clone)]
struct Word {
    /// What AWS calls it.
    id: String,
    phone: PhoneNumber,
    meaning: Meaning,
    at: Timestamp,
    /// When its record was gone from the queue.
    obeyed: Option<Timestamp>,
}

/// What a number has stopped: the reference that the opt-outs are held against.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stopped {
    everything: bool,
    categories: BTreeSet<Category>,
}

impl Stopped {
    fn after(self, meaning: &Meaning) -> Self {
        match meaning {
            Meaning::StopAll => Self { everything: true, ..self },
            Meaning::StopCategories(more) => Self { categories: &self.categories | more, ..self },
            Meaning::Start => Self::default(),
            Meaning::Help | Meaning::Unclear | Meaning::Other => self,
        }
    }
}

impl Words {
    /// Somebody says something, which is published twice if `twice` says so.
    pub async fn say(&self, world: &World, phone: PhoneNumber, text: &str, twice: impl Fn() -> bool) -> anyhow::Result<()> {
        tokio::time::sleep(BREATH).await;
        let id = world.cloud.provider.simulator.person_texts(&phone, text).await?;
        world.cloud.deliver(twice).await;
        let said = Word { id, phone, meaning: reply::read(text).meaning, at: world.now(), obeyed: None };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(said);
        Ok(())
    }

    /// Notes that the record of a word is gone at `now`.
    pub fn obeyed(&self, id: &str, now: Timestamp) {
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(word) = words.iter_mut().find(|word| word.id == id) {
            word.obeyed.get_or_insert(now);
        }
    }

    /// What came through, by phone. Where a word is a dead letter nobody knows how much of it was obeyed: such a phone is left out.
    fn by_phone(&self, world: &World) -> BTreeMap<PhoneNumber, Vec<Word>> {
        let dead = world.cloud.sqs.all(DEAD);
        let mut phones = BTreeMap::<_, Vec<Word>>::new();
        for word in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            phones.entry(word.phone.clone()).or_default().push(word.clone());
        }
        phones.retain(|_, words| words.iter().all(|word| dead.iter().all(|letter| !letter.body.contains(&word.id))));
        phones
    }

    /// No text went to a phone that had stopped it, and in the end each number has stopped what it said. Answers how many that had stopped everything have started again.
    pub async fn hold(&self, world: &World, rows: &[Message], taken: &[Taken], broken: &mut Broken) -> anyhow::Result<usize> {
        let phones = self.by_phone(world);
        let rows = rows.iter().map(|row| (row.message_id, row)).collect::<BTreeMap<_, _>>();
        for text in taken {
            let (Some(words), Some(row)) = (phones.get(&text.phone), rows.get(&text.message_id)) else { continue };
            broken.unless(!went_after_a_stop(text, row, words), || format!("{} went to somebody who had stopped it", row.kind().as_str()));
        }
        for word in phones.values().flatten().filter(|word| word.meaning == Meaning::Help) {
            broken.unless(rows.contains_key(&message_id("sms/replies", &word.id)), || "nobody answers HELP".into());
        }
        let mut started = 0;
        for (phone, words) in &phones {
            let is = opted_out(world, phone).await?;
            let meant = words.iter().fold(Stopped::default(), |before, word| before.after(&word.meaning));
            // AWS takes a number off its list once in thirty days: then it stays on the list, and everything stopped.
            let stays = || world.cloud.provider.simulator.is_opted_out(phone);
            let everything_holds = is.everything == meant.everything || (is.everything && stays());
            // A START lifts no category if it comes to us after one that was stopped later, or if AWS does not let it.
            let may_keep_more = is.everything || stops_a_category_after_a_start(words);
            let categories_hold = is.categories == meant.categories || (may_keep_more && is.categories.is_superset(&meant.categories));
            let holds = everything_holds && categories_hold;
            let said = || words.iter().map(|word| format!("{} at {}", word.meaning.as_str(), word.at)).collect::<Vec<_>>().join(", ");
            broken.unless(holds, || format!("{is:?}, and meant was {meant:?}: {}", said()));
            let had_stopped = words.iter().any(|word| word.meaning == Meaning::StopAll);
            started += usize::from(had_stopped && is == Stopped::default());
        }
        Ok(started)
    }
}

fn stops_a_category_after_a_start(words: &[Word]) -> bool {
    let start = words.iter().position(|word| word.meaning == Meaning::Start);
    start.is_some_and(|start| words[start..].iter().any(|word| matches!(word.meaning, Meaning::StopCategories(_))))
}

async fn opted_out(world: &World, phone: &PhoneNumber) -> anyhow::Result<Stopped> {
    let row = world.opt_outs().get(phone).await?;
    Ok(row.map(|row| Stopped { everything: row.everything_since.is_some(), categories: row.categories }).unwrap_or_default())
}

/// Whether a sender claimed a text after a stop of it was obeyed, and before its person wanted texts again. One that was under way then may still arrive.
fn went_after_a_stop(text: &Taken, row: &Message, words: &[Word]) -> bool {
    let claims = row.changes.iter().filter(|entered| entered.status == Status::Sending && entered.at <= text.at);
    let Some(claimed) = claims.map(|entered| entered.at).max() else { return false };
    let started = |stop: &Word| words.iter().any(|word| word.meaning == Meaning::Start && (stop.at..claimed).contains(&word.at));
    let stopped = |word: &Word| stops(&word.meaning, row) && word.obeyed.is_some_and(|at| claimed > at + LATEST);
    words.iter().any(|word| stopped(word) && !started(word))
}

/// Whether a word of this meaning stops the text of `row`.
fn stops(meaning: &Meaning, row: &Message) -> bool {
    match meaning {
        Meaning::StopAll => !is_last_word(row),
        Meaning::StopCategories(categories) => row.content.categories().iter().any(|category| categories.contains(category)),
        Meaning::Start | Meaning::Help | Meaning::Unclear | Meaning::Other => false,
    }
}
