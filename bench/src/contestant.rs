//! Who is measured: our functions, and the same job as a good Python team would write it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use journeys::rig::{function::Function, wire::Hand, world::World};
use serde_json::{Map, Value, json};
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

    /// Bytes of what is deployed, by function.
    pub fn sizes(&self) -> anyhow::Result<Value> {
        let mut sizes = Map::new();
        for function in journeys::rig::world::FUNCTIONS.into_iter().filter(|function| self.has(function)) {
            let bytes = match &self.kind {
                Kind::Rust { .. } => {
                    let program = PathBuf::from(self.command(function).as_std().get_program());
                    std::fs::metadata(&program).with_context(|| program.display().to_string())?.len()
                }
                Kind::Python(interpreter) => {
                    let root = interpreter.parent().and_then(Path::parent).context("the interpreter is in no environment")?;
                    size_of(&root.join("lib"))? + size_of(&baseline())?
                }
            };
            sizes.insert(function.to_owned(), json!(bytes));
        }
        Ok(Value::Object(sizes))
    }
}

fn baseline() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("baseline")
}

/// Bytes of the files of a folder that would be deployed.
fn size_of(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_tool = ["pip", "setuptools", "__pycache__"].iter().any(|tool| name.to_string_lossy().starts_with(tool));
        if entry.file_type()?.is_dir() && !is_tool {
            bytes += size_of(&entry.path())?;
        } else if entry.file_type()?.is_file() {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}
