"""Builds what `make bench` measures, as it is deployed, measures it, and makes the table: target/bench/ has all of it."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "local"))

import cloud  # noqa: E402
from children import finish, started, stop_on_signals  # noqa: E402
from cloud import ROOT  # noqa: E402
from stack import RIG_BUILD, build_environment, environment, host_architecture, step, target  # noqa: E402

DEPLOYED = ROOT / "target" / "deploy"
OUTPUT = ROOT / "target" / "bench"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it works, not to believe in")
    parser.add_argument("--sender", type=Path, help="another binary in the sender's place, such as a slow one")
    parser.add_argument("--only", help="only these parts: cold,warm,calls,growth,rate")
    arguments = parser.parse_args()
    stop_on_signals()
    build()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    results = OUTPUT / "raw.json"
    command = [target("bench-rig", "bench"), f"--binaries={DEPLOYED / 'lambda'}", f"--python={ROOT / '.venv' / 'bench' / 'bin' / 'python'}", f"--output={results}"]
    command += ["--quick"] if arguments.quick else []
    command += [f"--sender={arguments.sender.resolve()}"] if arguments.sender else []
    command += [f"--only={arguments.only}"] if arguments.only else []
    finish("The measurement", command, environment())
    report = [ROOT / ".venv" / "report" / "bin" / "python", "-B", "bench/report.py", results, OUTPUT]
    with started("report", report, environment()) as child:
        code = child.process.wait()
    print(f"in {OUTPUT.relative_to(ROOT)}: table.md, results.json, cold.svg, cpu.svg, rate.svg")
    return code


def build():
    """The functions with all the optimisation that they are deployed with, into a target folder of their own; and what measures them."""
    # Not by --target-dir, which cargo-lambda hands on to who does not know it.
    env = build_environment() | {"CARGO_TARGET_DIR": str(DEPLOYED)}
    functions = sorted(path.parent.name for path in ROOT.glob("functions/*/Cargo.toml"))
    place = f"--lambda-dir={DEPLOYED / 'lambda'}"
    arm = ["--arm64"] if host_architecture() == "arm64" else []
    with step("compile the functions as they are deployed (minutes the first time)"):
        finish("Compiling the functions", ["cargo", "lambda", "build", "--release", *arm, place, *(f"--bin={name}" for name in functions)], env)
        finish("Compiling an empty function", ["cargo", "lambda", "build", "--release", *arm, place, "--package=empty"], env)
    with step("compile what measures them"):
        finish("Compiling the bench", RIG_BUILD, build_environment())


if __name__ == "__main__":
    cloud.run(main)
