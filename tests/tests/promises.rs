//! What is promised whatever breaks, on a sample: `make crash` and `make storm` show all of it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use journeys::rig::{
    crash::{Scenario, crash},
    samples::{self, Sample},
    sqs::DEAD,
    storm::storm,
    wire::{Call, Fate, Hand},
    world::World,
};
use sms::{consent::verify, message::Status};

/// A folder that is gone when this is.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/rig").join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn gentle() -> Hand {
    std::sync::Arc::new(|_: &Call<'_>| Fate::Pass)
}

/// Every so manieth death of all that `make crash` has.
const EVERY: usize = 29;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_dies_at_whatever_call_no_text_goes_twice_and_none_is_lost() {
    let (mut deaths, mut missed, mut broken) = (0, Vec::new(), Vec::new());
    let lived = crash(&Scenario::ALL, EVERY, 2, |cell| {
        if cell.struck {
            deaths += 1;
        } else if cell.target.is_some() {
            missed.push(format!("{cell:?}"));
        }
        if !cell.broken.is_empty() {
            broken.push(format!("{cell:?}"));
        }
    });
    lived.await.expect("every scenario holds unharmed");
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(missed.is_empty(), "nobody died at {missed:#?}");
    assert!(deaths > Scenario::ALL.len(), "{deaths} deaths");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_storm_breaks_no_promise() {
    let folder = Folder::new("storm");
    let report = storm(&folder.0, 2026, 300, |_| {}).await.expect("a storm has an end");
    assert!(report.broken.is_empty(), "{:#?}", report.broken);
    assert!(report.faults.len() >= 8, "too little broke: {:?}", report.faults);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_earlier_versions_wrote_is_read_and_brought_to_its_end() {
    let folder = Folder::new("samples");
    let samples = samples::all().expect("samples");
    assert!(!samples.is_empty(), "there are none");
    for (name, sample) in samples {
        let world = World::new(&folder.0, &[]).await.expect("world");
        sample.put_into(&world).expect("put");
        let before = world.rows().await.expect("every row is read").into_iter().map(|(row, _)| row).collect::<Vec<_>>();
        assert!(before.iter().any(|row| row.status == Status::Pending), "{name}: nothing waits");
        let opted_out = world.all_opt_outs().await.expect("every opt-out is read");
        world.settle(&gentle()).await.expect("everything comes to an end");
        assert!(world.cloud.sqs.all(DEAD).is_empty(), "{name}: {:?}", world.cloud.sqs.all(DEAD));
        let after = world.rows().await.expect("rows").into_iter().map(|(row, _)| row).collect::<Vec<_>>();
        assert!(after.len() > before.len(), "{name}: events and replies that waited have made no rows");
        for old in before.iter().filter(|row| row.status == Status::Pending) {
            let new = after.iter().find(|row| row.message_id == old.message_id).expect("no row is lost");
            assert_eq!(new.status, Status::Delivered, "{name}: {}", new.kind().as_str());
        }
        let open = after.iter().filter(|row| matches!(row.status, Status::Pending | Status::Sending | Status::Held)).count();
        assert_eq!(open, 0, "{name}");
        for old in opted_out {
            let new = world.opt_outs().get(&old.phone).await.expect("read").expect("no opt-out is lost");
            let stands = new.everything_since.is_some() || old.everything_since.is_none();
            assert!(stands && new.categories.is_superset(&old.categories), "{name}: {old:?} is {new:?}");
        }
        for person in world.all_recipients().await.expect("every person is read") {
            let ledger = world.ledger(person.user_id.as_str()).await.expect("a ledger");
            assert!(verify(&ledger, person.ledger.as_ref()).is_ok(), "{name}: the ledger of {}", person.user_id.as_str());
        }
    }
}

/// A version that writes something new has left a sample of it, for those that come after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_is_written_is_in_a_sample() {
    let folder = Folder::new("format");
    let world = World::new(&folder.0, &samples::SETTINGS).await.expect("world");
    samples::live(&world).await.expect("a life");
    let sample = Sample::of(&world).expect("sample");
    if let Ok(name) = std::env::var("UPDATE_SAMPLES") {
        let sample = serde_json::to_string_pretty(&sample).expect("JSON");
        std::fs::write(samples::folder().join(format!("{name}.json")), sample + "\n").expect("written");
    }
    let known = samples::all().expect("samples").into_iter().flat_map(|(_, sample)| sample.paths()).collect::<BTreeSet<_>>();
    let new = sample.paths().into_iter().filter(|path| !known.contains(path)).collect::<Vec<_>>();
    assert!(new.is_empty(), "no sample has {new:#?}: UPDATE_SAMPLES=<today>-<what is new> makes one");
}
