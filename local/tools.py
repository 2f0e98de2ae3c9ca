"""Looks for what this machine needs, makes what it can, and says in one sentence what it cannot.

Runs on whatever Python the machine has, before any virtual environment exists.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 10)
AXE = "axe-core@4.14.1"
CARGO_TOOLS = {"deny": "cargo-deny@0.20.2", "cyclonedx": "cargo-cyclonedx@0.5.9", "fuzz": "cargo-fuzz@0.13.2"}


def fail(sentence):
    sys.exit("error: " + sentence)


def python():
    if sys.version_info < OLDEST_PYTHON:
        fail(
            "Python {}.{} or newer is needed and this is {}.{}: install one and call `make PYTHON=python{}.{} …`.".format(
                *OLDEST_PYTHON, *sys.version_info[:2], *OLDEST_PYTHON
            )
        )
    if not sys.platform.startswith("linux"):
        fail("The local cloud runs the functions' own Linux binaries, so it needs Linux: use a virtual machine or a container.")


def rust():
    if not shutil.which("cargo"):
        fail("Rust is missing: install it as https://rustup.rs says, then open a new shell.")
    if not shutil.which("cc"):
        fail("A C compiler is missing, which Rust links with: `apt-get install build-essential`.")


def nightly():
    """The nightly compiler, whose instrumentation tells a fuzzer where it has been."""
    rust()
    if subprocess.run(["cargo", "+nightly", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        fail("A nightly compiler is missing, which fuzzing needs: `rustup toolchain install nightly`.")


def environment(name):
    """Makes .venv/<name> from local/requirements-<name>.txt, unless it is there and up to date."""
    python()
    requirements = ROOT / "local" / "requirements-{}.txt".format(name)
    place = ROOT / ".venv" / name
    stamp = place / "made-from"
    # Its programs name the folder that they were made in.
    wanted = hashlib.sha256("\n".join([requirements.read_text(), sys.version, str(place)]).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    try:
        import ensurepip  # noqa: F401  (Debian leaves it out of python3)
    except ImportError:
        fail("Python's venv module is missing: `apt-get install python3-venv`.")
    print("making .venv/{} from {}".format(name, requirements.relative_to(ROOT)), flush=True)
    shutil.rmtree(str(place), ignore_errors=True)
    quietly([sys.executable, "-m", "venv", str(place)], "A virtual environment could not be made in .venv")
    pip = [str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    quietly(
        pip + ["--requirement", str(requirements)],
        "Python packages could not be installed: look at the network or the package index that pip uses",
    )
    stamp.write_text(wanted)


def quietly(command, sentence):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if done.returncode != 0:
        last = "\n".join("  " + line for line in done.stdout.strip().splitlines()[-5:])
        fail("{}.\n{}".format(sentence, last))


def browser():
    """Chromium and its driver, for the journeys that look at a page."""
    if not (shutil.which("chromedriver") and (shutil.which("chromium") or shutil.which("google-chrome"))):
        debian("Chromium and its driver are missing, which the page's tests need", "chromium", "chromium-driver")


def clock():
    """libfaketime, for the journeys through a night."""
    if not any(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")):
        debian("libfaketime is missing, which the journeys through a night need", "libfaketime")


def debian(sentence, *packages):
    """Installs Debian's packages, where that is possible and allowed."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        fail("{}: `sudo apt-get install {}`.".format(sentence, " ".join(packages)))
    print("installing {}".format(" and ".join(packages)), flush=True)
    quietly(["apt-get", "update", "-qq"], "The lists of Debian's packages could not be fetched")
    quietly(["apt-get", "install", "--yes", "-qq", "--no-install-recommends", *packages], "{} could not be installed".format(packages[0]))


def axe():
    """axe-core, which looks for what shuts people out of a page. A package without dependencies or scripts of its own."""
    place = ROOT / ".venv" / "axe"
    stamp = place / "made-from"
    if stamp.exists() and stamp.read_text() == AXE:
        return
    if not shutil.which("npm"):
        fail("npm is missing, which brings axe-core for the pages' tests: `apt-get install npm`.")
    print("installing {}".format(AXE), flush=True)
    place.mkdir(parents=True, exist_ok=True)
    quietly(
        ["npm", "install", "--prefix", str(place), "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", AXE],
        "axe-core could not be installed: look at the network or the registry that npm uses",
    )
    stamp.write_text(AXE)


def cargo_tool(name):
    """A tool of cargo's, compiled into .venv/cargo."""
    rust()
    place = ROOT / ".venv" / "cargo"
    wanted = CARGO_TOOLS[name]
    stamp = place / "made-from-{}".format(name)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("compiling {} (minutes, once)".format(wanted), flush=True)
    # Unoptimised: a second of its work is less than minutes of the compiler's.
    command = ["cargo", "install", "--debug", "--config=profile.dev.debug=false", "--quiet", "--locked", "--root", str(place), wanted]
    quietly(command, "{} could not be compiled".format(wanted))
    stamp.write_text(wanted)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("needs", nargs="+", choices=["rust", "nightly", "cloud", "sam", "openapi", "bench", "report", "browser", "axe", "clock", *CARGO_TOOLS])
    for need in parser.parse_args().needs:
        if need == "rust":
            rust()
        elif need == "nightly":
            nightly()
        elif need == "browser":
            browser()
        elif need == "axe":
            axe()
        elif need == "clock":
            clock()
        elif need in CARGO_TOOLS:
            cargo_tool(need)
        else:
            environment(need)


if __name__ == "__main__":
    main()
