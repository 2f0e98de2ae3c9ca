//! Who is measured: our functions, and the same job as a good Python team would write it.

use std::path::{Path, PathBuf};

use journeys::rig::{function::Function, wire::Hand, world::World};
use tokio::process::Command;

use crate::process::TIME_OUT;

/// One way of doing the job.
#[derive(Debug, Clone)]
pub struct Contestant {
    /// How the table calls it.
    pub name: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Rust { binaries: PathBuf, sender: Option<PathBuf> },
    Python(PathBuf),
}

/// The functions that both have.
pub const SHARED: [&str; 2] = ["producer", "sender"];

impl Contestant {
    /// The functions of this repository, from `binaries/<function>/bootstrap`, but for a `sender` given.
    pub fn rust(binaries: &Path, sender: Option<PathBuf>) -> Self {
        Self { name: "rust", kind: Kind::Rust { binaries: binaries.to_owned(), sender } }
    }

    /// The baseline, run by `interpreter`.
    pub fn python(interpreter: PathBuf) -> Self {
        Self { name: "python", kind: Kind::Python(interpreter) }
    }

    /// Whether it has a function of its own for that.
    pub fn has(&self, function: &str) -> bool {
        matches!(self.kind, Kind::Rust { .. }) || SHARED.contains(&function)
    }

    fn command(&self, function: &str) -> Command {
        match &self.kind {
            Kind::Rust { binaries, sender } => match sender.as_ref().filter(|_| function == "sender") {
                Some(sender) => Command::new(sender),
                None => Command::new(binaries.join(function).join("bootstrap")),
            },
            Kind::Python(interpreter) => {
                let mut command = Command::new(interpreter);
                command.args(["-m", "awslambdaric", &format!("{function}.handler")]).current_dir(baseline());
                command
            }
        }
    }

    /// Starts a process of `function`, with `settings` that win over the template's.
    pub async fn start(&self, world: &World, function: &'static str, settings: &[(&str, String)], hand: Hand) -> anyhow::Result<Function> {
        let known = world.environment(function).iter().filter(|(name, _)| settings.iter().all(|(other, _)| name != other)).cloned();
        let mut environment = known.chain(settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()))).collect::<Vec<_>>();
        if let Kind::Python(_) = self.kind {
            environment.push(("IDEMPOTENCY_TABLE".to_owned(), "IdempotencyTable".to_owned()));
        }
        Function::launch(self.command(function), function, &environment, &world.cloud, hand, TIME_OUT).await
    }
}

fn baseline() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("baseline")
}
