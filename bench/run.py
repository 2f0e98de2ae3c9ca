"""Builds what `make bench` measures, as it is deployed, measures it, and makes the table: target/bench/ has all of it.

But for the lanes: they are measured on the local stack, whose functions are built quickly, with little optimisation, and run in an emulator of AWS.
"""

import argparse
import io
import json
import os
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "local"))

import cloud  # noqa: E402
from children import finish, started, stop_on_signals  # noqa: E402
from cloud import ROOT, Fault  # noqa: E402
from stack import RIG_BUILD, build_environment, environment, host_architecture, step, target  # noqa: E402

DEPLOYED = ROOT / "target" / "deploy"
OUTPUT = ROOT / "target" / "bench"
BASELINE = ROOT / "bench" / "baseline"
BASELINE_PYTHON = ROOT / ".venv" / "bench" / "bin" / "python"
# Folders that no package has.
TOOLS = ("pip", "setuptools", "__pycache__")
# The last is measured on the local stack, the others by target/bench-rig/bench.
PARTS = "cold,warm,calls,growth,rate,lanes"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it works, not to believe in")
    parser.add_argument("--sender", type=Path, help="another binary in the sender's place, such as a slow one")
    parser.add_argument("--only", default=PARTS, help="only these parts (default: %(default)s)")
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    if unknown := set(parts) - set(PARTS.split(",")):
        parser.error(f"--only={arguments.only}: there is no part {', '.join(sorted(unknown))}, only {PARTS}")
    if arguments.sender and not arguments.sender.is_file():
        parser.error(f"--sender={arguments.sender}: there is no such file; `cargo build --bin=sender` makes target/debug/sender, a slow one")
    stop_on_signals()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    raw = OUTPUT / "raw.json"
    results, failure = {}, None
    if processes := [part for part in parts if part != "lanes"]:
        measure(processes, arguments, raw)
        results = json.loads(raw.read_text()) | {"sizes": sizes(arguments.sender)}
    if "lanes" in parts and not arguments.sender:
        try:
            results["lanes"] = lanes(arguments.quick)
        except Fault as fault:
            failure = fault
    raw.write_text(json.dumps(results))
    report = [ROOT / ".venv" / "report" / "bin" / "python", "-B", "bench/report.py", raw, OUTPUT]
    with started("report", report, environment()) as child:
        code = child.process.wait()
    print(f"in {OUTPUT.relative_to(ROOT)}: table.md, results.json, cold.svg, cpu.svg, rate.svg")
    if failure:
        raise Fault(f"The table is without its lanes. {failure}") from failure
    return code


def measure(parts, arguments, raw):
    build()
    command = [target("bench-rig", "bench"), f"--binaries={DEPLOYED / 'lambda'}", f"--python={BASELINE_PYTHON}", f"--output={raw}"]
    command += ["--quick"] if arguments.quick else []
    command += [f"--sender={arguments.sender.resolve()}"] if arguments.sender else []
    command += [f"--only={','.join(parts)}"]
    finish("The measurement", command, environment())


def sizes(sender):
    """What each function weighs, with `sender` in the place of the sender's."""
    binaries = {name: DEPLOYED / "lambda" / name / "bootstrap" for name in functions()}
    binaries |= {"sender": sender} if sender else {}
    baseline = weight(dict(packaged(BASELINE_PYTHON.parent.parent / "lib")) | dict(packaged(BASELINE)))
    return {
        "rust": {name: weight({"bootstrap": binary}) for name, binary in binaries.items()},
        "python": {"producer": baseline, "sender": baseline},
    }


def weight(files):
    """Bytes of files, by their names in a package, and of the package: a deflated zip."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=9, strict_timestamps=False) as archive:
        for name, file in files.items():
            archive.write(file, name)
    return {"bytes": sum(file.stat().st_size for file in files.values()), "zipped": package.getbuffer().nbytes}


def packaged(folder):
    """The files of a folder that a package would have, by their names in it."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(TOOLS))
        for file in (Path(place, name) for name in sorted(files)):
            if not file.is_symlink():
                yield str(file.relative_to(folder)), file


def lanes(quick):
    """How long texts take through the local stack, lane by lane."""
    output = OUTPUT / "lanes.json"
    program = [sys.executable, "-B", "bench/lanes.py", f"--output={output}"]
    program += ["--bulk=300", "--codes=10", "--seconds=12"] if quick else []
    finish("The stack whose lanes are measured", [sys.executable, "-B", "local/stack.py", "test", "--", *program], environment() | {"SEED_PEOPLE": "2000", "PARTS_PER_SECOND": "3"})
    return json.loads(output.read_text())


def functions():
    return sorted(path.parent.name for path in ROOT.glob("functions/*/Cargo.toml"))


def build():
    """The functions with all the optimisation that they are deployed with, into a target folder of their own; and what measures them."""
    # Not by --target-dir, which cargo-lambda hands on to who does not know it.
    env = build_environment() | {"CARGO_TARGET_DIR": str(DEPLOYED)}
    place = f"--lambda-dir={DEPLOYED / 'lambda'}"
    arm = ["--arm64"] if host_architecture() == "arm64" else []
    with step("compile the functions as they are deployed (minutes the first time)"):
        finish("Compiling the functions", ["cargo", "lambda", "build", "--release", *arm, place, *(f"--bin={name}" for name in functions())], env)
        finish("Compiling an empty function", ["cargo", "lambda", "build", "--release", *arm, place, "--package=empty"], env)
    with step("compile what measures them"):
        finish("Compiling the bench", RIG_BUILD, build_environment())


if __name__ == "__main__":
    cloud.run(main)
