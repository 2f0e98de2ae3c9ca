//! A clock that can be moved, for this process and for the functions: theirs by libfaketime, which reads the difference from a file.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};

/// A clock that is ahead of the one on the wall.
#[derive(Debug, Clone)]
pub struct Clock {
    ahead_seconds: Arc<AtomicI64>,
    /// How others hear of it; `None` for a clock that nobody moves.
    told: Option<Told>,
}

#[derive(Debug, Clone)]
struct Told {
    file: PathBuf,
    library: PathBuf,
}

impl Clock {
    /// One that is right, in `folder`.
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        let clock = Self { ahead_seconds: Arc::default(), told: Some(Told { file: folder.join("clock"), library: library()? }) };
        clock.forward(SignedDuration::ZERO)?;
        Ok(clock)
    }

    /// The one on the wall.
    #[must_use]
    pub fn wall() -> Self {
        Self { ahead_seconds: Arc::default(), told: None }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.ahead_seconds.load(Ordering::Acquire))
    }

    /// Moves it on by whole seconds.
    pub fn forward(&self, by: SignedDuration) -> anyhow::Result<()> {
        let Told { file, .. } = self.told.as_ref().context("nobody moves the clock on the wall")?;
        let ahead = self.ahead_seconds.fetch_add(by.as_secs(), Ordering::AcqRel) + by.as_secs();
        // In one step: who reads it meanwhile sees the old difference or the new one.
        let next = file.with_extension("next");
        fs::write(&next, format!("{ahead:+}"))?;
        fs::rename(next, file).context("the clock's file")
    }

    /// What makes a process go by it. Its time-outs still take their time.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let Some(Told { file, library }) = &self.told else { return Vec::new() };
        vec![
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("TZ", "UTC".to_owned()),
        ]
    }
}

/// Where libfaketime is.
pub fn library() -> anyhow::Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    folders.into_iter().find(|path| path.exists()).context("libfaketime is missing: apt-get install libfaketime")
}
