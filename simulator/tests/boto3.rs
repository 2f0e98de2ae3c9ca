//! The simulator as botocore's own client meets it.

use std::path::Path;

use crate::support::{Bench, quick};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn botocore_gets_what_its_service_model_says() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var("PYTHON").unwrap_or_else(|_| here.join("../.venv/cloud/bin/python").display().to_string());
    let bench = Bench::start(quick()).await;
    let run = Command::new(&python).arg(here.join("tests/boto3_wire.py")).arg(bench.running.url()).output().await;
    let output =
        run.unwrap_or_else(|error| panic!("{python} cannot be run ({error}): `make test` makes it, or name a Python that has boto3 with PYTHON"));
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{python} boto3_wire.py:\n{said}");
}
