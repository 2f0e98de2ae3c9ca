"""Writes a bill of materials (CycloneDX JSON) for each function's binary to target/sbom."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main():
    folder = ROOT / "target" / "sbom"
    folder.mkdir(parents=True, exist_ok=True)
    tool = ROOT / ".venv" / "cargo" / "bin" / "cargo-cyclonedx"
    command = [tool, "cyclonedx", "--format=json", "--describe=binaries", "--target=aarch64-unknown-linux-gnu", "--no-build-deps"]
    env = os.environ | {"PATH": f"{tool.parent}:{os.environ['PATH']}"}
    if code := subprocess.run(command, cwd=ROOT, env=env, check=False).returncode:
        return code
    names = {path.parent.name for path in ROOT.glob("functions/*/Cargo.toml")}
    missing = set(names)
    for made in (path for place in ("functions", "shared", "simulator", "tests", "bench") for path in (ROOT / place).rglob("*.cdx.json")):
        name = made.name.partition("_")[0]
        if name in names and made.parent.name == name:
            target = shutil.move(made, folder / f"{name}.cdx.json")
            missing.discard(name)
            print(f"{Path(target).relative_to(ROOT)}: {len(json.loads(Path(target).read_text())['components'])} components")
        else:
            made.unlink()
    if missing:
        return f"error: cargo-cyclonedx wrote no bill of materials for {', '.join(sorted(missing))}."
    return 0


if __name__ == "__main__":
    sys.exit(main())
