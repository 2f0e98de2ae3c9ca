"""Runs the project's checks and tests, and says at the end how long each part took, slowest first."""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass

from cloud import ROOT, Fault, run
from stack import CLOUD_BIN, build_environment

# Always the whole workspace: cargo chooses the features of what is shared by what is built together, and would compile the SDK anew for every other choice.
CARGO_TESTS = ["cargo", "test", "--locked", "--workspace", "--all-features", "--no-fail-fast"]
RESULT = re.compile(rb"test result: .*? (\d+) passed; (\d+) failed;")


@dataclass
class Part:
    """Commands that run one after the other until one fails."""

    name: str
    commands: list


@dataclass
class Outcome:
    name: str
    passed: int
    failed: int
    seconds: float


def test_targets():
    """The tests that cargo knows: those that need a stack, and those that need none."""
    asked = subprocess.run(["cargo", "metadata", "--no-deps", "--format-version=1", "--locked"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    journeys, edges = [], []
    for package in json.loads(asked.stdout)["packages"]:
        names = [target["name"] for target in package["targets"] if target["kind"] == ["test"] and target["name"] != "template"]
        (journeys if package["name"] == "journeys" else edges).extend(names)
    if twice := set(journeys) & set(edges):
        raise Fault(f"Test targets of two packages have one name: {', '.join(sorted(twice))}. Rename one.")
    return [[f"--test={name}" for name in sorted(names)] for names in (journeys, edges)]


def parts():
    journeys, edges = test_targets()
    end_to_end = [*CARGO_TESTS, *journeys]
    return [
        Part("format", [["cargo", "fmt", "--all", "--check"]]),
        Part("lints", [["cargo", "clippy", "--workspace", "--all-targets", "--all-features", "--locked", "--", "-D", "warnings"]]),
        Part(
            "dependencies",
            [
                [str(ROOT / ".venv" / "cargo" / "bin" / "cargo-deny"), "--workspace", "check", "licenses", "bans", "sources"],
                ["cargo", "tree", "--locked", "--depth=0", "--manifest-path=tests/hostile/fuzz/Cargo.toml"],
            ],
        ),
        Part(
            "template",
            [
                ["sam", "validate", "--lint"],
                ["cfn-lint", "template.yaml"],
                [*CARGO_TESTS, "--test=template"],
            ],
        ),
        Part("unit tests of local/", [[str(CLOUD_BIN / "python"), "-B", "-m", "unittest", "discover", "--start-directory=local", "--pattern=*_test.py"]]),
        Part("unit and edge tests", [[*CARGO_TESTS, "--lib", "--bins", *edges], [*CARGO_TESTS, "--doc"]]),
        Part(
            "journeys on the deployed local stack",
            [
                [*end_to_end, "--no-run"],
                [str(CLOUD_BIN / "python"), "-B", "local/stack.py", "test", "--", *end_to_end],
            ],
        ),
    ]


def main():
    known = parts()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="say what the parts do, and do nothing")
    parser.add_argument("parts", nargs="*", metavar="part", help="only these: " + ", ".join(part.name for part in known))
    arguments = parser.parse_args()
    chosen = [part for part in known if not arguments.parts or part.name in arguments.parts]
    for part in chosen:
        print(f"{part.name}:")
        for command in part.commands:
            print(f"    {shown(command)}")
    if arguments.list:
        return 0
    outcomes = [work(part) for part in chosen]
    print("\nhow long it took, slowest first:")
    for outcome in sorted(outcomes, key=lambda outcome: -outcome.seconds):
        verdict = "FAILED" if outcome.failed else "ok"
        print(f"  {outcome.seconds:7.1f} s  {verdict:6}  {outcome.name}: {outcome.passed} passed, {outcome.failed} failed")
    failed = sum(outcome.failed for outcome in outcomes)
    print(f"\n{sum(outcome.passed for outcome in outcomes)} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def shown(command):
    return " ".join(command).replace(f"{ROOT}/", "")


def work(part):
    print(f"\n== {part.name}", flush=True)
    began = time.monotonic()
    outcome = Outcome(part.name, 0, 0, 0)
    for command in part.commands:
        code, passed, failed = counted(command)
        # A command that counts no tests is one check; one that fails without a failed test has failed before them.
        outcome.passed += passed or (code == 0 and not failed)
        outcome.failed += failed or (code != 0)
        if code != 0:
            print(f"FAILED: {shown(command)}", flush=True)
            break
    outcome.seconds = time.monotonic() - began
    return outcome


def counted(command):
    """Runs `command`, shows what it prints and adds up the tests it reports."""
    env = build_environment() | {"CARGO_TERM_COLOR": "always" if sys.stdout.isatty() else "never"}
    passed = failed = 0
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
            if result := RESULT.search(line):
                passed += int(result[1])
                failed += int(result[2])
    return process.returncode, passed, failed


if __name__ == "__main__":
    os.environ["PYTHONUNBUFFERED"] = "1"
    run(main)
