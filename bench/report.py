"""Makes the table and the charts of `make bench` from what was measured, and says which goals are met.

Ratios of one run are compared; no time is held against a number. Exits with 1 if a goal is missed that was met before
(docs/performance.md says of the others what stands in their way).
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  (after the backend is chosen)

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ["producer", "sender", "receipts", "inbound", "api", "reconciler"]
MB = 1_000_000

# us-east-1, on demand, in dollars; the public price list as of 2026-11-26.
PRICES_OF = "2026-11-26"
PER_WRITE_UNIT = 0.625e-6
PER_READ_UNIT = 0.125e-6
PER_SQS_REQUEST = 0.40e-6
PER_SNS_PUBLISH = 0.50e-6
PER_LAMBDA_REQUEST = 0.20e-6
PER_GB_SECOND_ARM = 0.0000133334
PER_LOG_BYTE = 0.50e-9
MEMORY_GB = 0.25
# What a call takes on AWS and not on loopback, and how many of a batch are made one after the other.
SECONDS_A_CALL = 0.005
ROUNDS = {"producer": 6, "sender": 8, "receipts": 4}
# Lambda's poller: one receive and one delete for a batch.
POLLS_A_BATCH = 2

SINGLE_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
SINGLE_READS = ("GetItem", "Query")
# What is open, by the name of its row: docs/performance.md says why.
OPEN_GOALS = set(json.loads((Path(__file__).parent / "open-goals.json").read_text()))


@dataclass
class Row:
    name: str
    rust: str
    python: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool | None = None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="what bench wrote")
    parser.add_argument("folder", type=Path, help="where the table, the charts and the JSON go")
    arguments = parser.parse_args()
    results = json.loads(arguments.results.read_text())
    arguments.folder.mkdir(parents=True, exist_ok=True)
    rows = [row for part in (cold, cpu, memory, size, calls, cost, rate, growth) for row in part(results)]
    text = table(rows)
    (arguments.folder / "table.md").write_text(text)
    (arguments.folder / "results.json").write_text(json.dumps(results | {"machine": machine()}, indent=1) + "\n")
    charts(results, arguments.folder)
    print(text)
    missed = [row.name for row in rows if row.met is False]
    lost = [name for name in missed if name not in OPEN_GOALS]
    for name in lost:
        print(f"**missed**: {name}", file=sys.stderr)
    return 1 if lost else 0


def median(samples):
    return statistics.median(samples)


def spread(samples):
    """The median, and between which values the middle half lies."""
    if len(samples) < 4:
        return f"{median(samples):.2f}"
    low, middle, high = statistics.quantiles(samples, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def quantile(samples, share):
    ordered = sorted(samples)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def cold(results):
    times = results.get("cold", {})
    if not times:
        return
    rust, python = times["rust"], times.get("python", {})
    usual = median(python["producer"]["ready_ms"]) if python else None
    empty = median(rust["empty"]["ready_ms"])
    yield Row("cold start of an empty function with the same clients, ms", spread(rust["empty"]["ready_ms"]))
    for function in FUNCTIONS:
        here, there = rust[function]["ready_ms"], python.get(function, {}).get("ready_ms")
        if usual:
            ratio = (median(there) if there else usual) / median(here)
            yield Row(f"cold start of {function}: to the first `next`, ms", spread(here), spread(there) if there else "", f"{ratio:.0f} ×", "≥ 30 ×", ratio >= 30)
        share = median(here) / empty
        yield Row(f"cold start of {function}, of the empty function's", spread(here), "", f"{share:.2f} ×", "≤ 1.3 ×", share <= 1.3)
        answered = rust[function]["answered_ms"]
        there = python.get(function, {}).get("answered_ms")
        yield Row(f"cold start of {function}: to the first answer, ms", spread(answered), spread(there) if there else "", f"{median(there) / median(answered):.0f} ×" if there else "")


def batches(results):
    return results.get("warm", {}).get("batches", {})


def cpu(results):
    rust, python = batches(results).get("rust", {}), batches(results).get("python", {})
    for function, usual_size in ("producer", "10"), ("sender", "5"), ("receipts", "10"):
        for size, here in rust.get(function, {}).items():
            there = python.get(function, {}).get(size)
            per_message = lambda samples: [sample / int(size) for sample in samples]
            mine = per_message(here["cpu_ms"])
            row = Row(f"CPU of {function}, a message, in batches of {size}, ms", spread(mine))
            if there:
                ratio = median(per_message(there["cpu_ms"])) / median(mine)
                row.python, row.ratio = spread(per_message(there["cpu_ms"])), f"{ratio:.1f} ×"
                if size == usual_size:
                    row.goal, row.met = "≥ 6 ×", ratio >= 6
            yield row
        here, there = rust.get(function, {}).get(usual_size), python.get(function, {}).get(usual_size)
        if here:
            shown = lambda times: " / ".join(f"{quantile(times['latency_ms'], share):.1f}" for share in (0.5, 0.95, 0.99))
            yield Row(f"a warm batch of {usual_size} in {function}, p50 / p95 / p99, ms", shown(here), shown(there) if there else "")
            rate = lambda times: 1000 * int(usual_size) / median(times["cpu_ms"])
            yield Row(f"messages a second and core in {function}", f"{rate(here):.0f}", f"{rate(there):.0f}" if there else "")


def memory(results):
    peaks = results.get("warm", {}).get("peak_memory", {})
    for function, here in peaks.get("rust", {}).items():
        there = peaks.get("python", {}).get(function)
        yield Row(f"peak memory of {function}, MB", f"{here / MB:.1f}", "", "", "≤ 25 MB", here <= 25 * MB)
        if there:
            yield Row(f"peak memory of {function}, against the baseline", f"{here / MB:.1f}", f"{there / MB:.1f}", f"{there / here:.1f} ×", "≥ 4 ×", there / here >= 4)


def size(results):
    sizes = results.get("sizes", {})
    for function, here in sizes.get("rust", {}).items():
        there = sizes.get("python", {}).get(function)
        yield Row(f"size of {function}, MB", f"{here / MB:.1f}", f"{there / MB:.1f}" if there else "", f"{there / here:.1f} ×" if there else "", "≤ 9 MB", here <= 9 * MB)


def per_message(counted, operations):
    return sum(count for name, count in counted["calls_per_message"].items() if name.partition("DynamoDB.")[2] in operations)


def calls(results):
    counted = results.get("calls", {})
    if not counted:
        return
    rust, python = counted["rust"], counted.get("python")
    for name, operations, goal in ("writes", SINGLE_WRITES, 6), ("batch reads", ("BatchGetItem",), 1), ("single reads", SINGLE_READS, 0):
        here = per_message(rust, operations)
        there = f"{per_message(python, operations):.2f}" if python else ""
        yield Row(f"DynamoDB {name}, a message, event to delivered", f"{here:.2f}", there, "", f"≤ {goal}", here <= goal)
    for name, count in sorted(rust["calls_per_message"].items()):
        yield Row(f"calls a message: {name}", f"{count:.2f}", f"{python['calls_per_message'].get(name, 0):.2f}" if python else "")
    for step, units in rust["units_per_message"].items():
        other = python["units_per_message"].get(step) if python else None
        shown = lambda used: f"{used['write']:.1f} / {used['read']:.1f}"
        yield Row(f"DynamoDB units of {step}, a message, write / read", shown(units), shown(other) if other and sum(other.values()) else "")


def dollars(results, contestant):
    """Of a million messages, by what it is for."""
    counted = results["calls"][contestant]
    warm = batches(results).get(contestant, {})
    units = counted["units_per_message"].values()
    bill = {
        "DynamoDB": sum(used["write"] * PER_WRITE_UNIT + used["read"] * PER_READ_UNIT for used in units),
        "SQS": sum(count for name, count in counted["calls_per_message"].items() if "AmazonSQS" in name) * PER_SQS_REQUEST,
        "SNS": 0,
        "Lambda": 0,
        "logs": sum(counted["log_bytes_per_message"].values()) * PER_LOG_BYTE,
    }
    for function, batch in ("producer", 10), ("sender", 5), ("receipts", 10):
        invocations = next((count for name, count in counted["calls_per_message"].items() if name == f"{function} Lambda.Answer"), 0)
        times = warm.get(function, {}).get(str(batch))
        if not times:
            continue
        seconds = median(times["latency_ms"]) / 1000 + ROUNDS[function] * SECONDS_A_CALL
        bill["Lambda"] += invocations * (PER_LAMBDA_REQUEST + seconds * MEMORY_GB * PER_GB_SECOND_ARM)
        bill["SQS"] += invocations * POLLS_A_BATCH * PER_SQS_REQUEST
        if function == "receipts":
            bill["SNS"] += invocations * counted["batch"] * PER_SNS_PUBLISH
    return {name: amount * 1e6 for name, amount in bill.items()}


def cost(results):
    if not results.get("calls") or not batches(results):
        return
    for name, amount in (bill := dollars(results, "rust")).items():
        yield Row(f"a million messages, {name}, $", f"{amount:.2f}")
    total = sum(bill.values())
    yield Row(f"a million messages, all but the texts, $ (prices of {PRICES_OF})", f"{total:.2f}", "", "", "≤ 8", total <= 8)


def rate(results):
    for run in results.get("rate", []):
        allowed, processes = run["parts_per_second"], run["processes"]
        a_second = run["accepted"] / run["seconds"]
        if not allowed:
            yield Row(f"texts a second with {processes} senders, no limit", f"{a_second:.0f}")
            continue
        used, throttled = 100 * a_second / allowed, 100 * run["throttled"] / max(run["calls"], 1)
        met = (used >= 98 and throttled < 1) if processes >= 2 else None
        yield Row(f"of {allowed} parts a second, with {processes} senders, used / throttled", f"{used:.1f} % / {throttled:.2f} %", "", "", "≥ 98 % / < 1 %" if processes >= 2 else "", met)


def growth(results):
    tables = results.get("growth", {})
    if len(tables) != 2:
        return
    (few, small), (many, large) = sorted(tables.items(), key=lambda pair: int(pair[0]))
    for function in small:
        for name in "cpu_ms", "latency_ms":
            ratio = median(large[function][name]) / median(small[function][name])
            yield Row(f"{function}, a batch of 10, {name.replace('_ms', '')}: {int(many):,} rows, of that with {int(few):,}", f"{ratio:.2f} ×")


def table(rows):
    about = machine()
    lines = [f"Measured on {about['date']}, commit {about['commit']}, on {about['cores']} cores of {about['processor']}. Medians, with the middle half of the samples.", ""]
    lines += ["| figure | ours | baseline | ratio | goal | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        met = {None: "", True: "yes", False: "**no**"}[row.met]
        lines.append(f"| {row.name} | {row.rust} | {row.python} | {row.ratio} | {row.goal} | {met} |")
    return "\n".join(lines) + "\n"


def machine():
    asked = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {"date": date.today().isoformat(), "commit": asked.stdout.strip() or "unknown", "cores": os.cpu_count(), "processor": models[0] if models else platform.machine()}


def charts(results, folder):
    plt.rcParams.update({"svg.hashsalt": "bench", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    if times := results.get("cold"):
        bars = [(f"{name} {who}", median(figures["ready_ms"])) for who, functions in times.items() for name, figures in functions.items()]
        figure, axes = plt.subplots(figsize=(7, 3.4))
        axes.barh([name for name, _ in bars][::-1], [value for _, value in bars][::-1], color=["#c65" if "python" in name else "#357" for name, _ in bars][::-1])
        axes.set(xscale="log", xlabel="ms from the spawn to the first next (median, logarithmic)")
        save(figure, folder / "cold.svg")
    if warm := batches(results):
        figure, all_axes = plt.subplots(1, 2, figsize=(7, 2.8), sharey=True)
        for axes, function in zip(all_axes, ("producer", "sender")):
            for who, colour in ("rust", "#357"), ("python", "#c65"):
                sizes = warm.get(who, {}).get(function, {})
                axes.plot([int(size) for size in sizes], [median(figures["cpu_ms"]) / int(size) for size, figures in sizes.items()], "o-", color=colour, label=who)
            axes.set(title=function, xlabel="messages in a batch", yscale="log")
        all_axes[0].set_ylabel("CPU ms a message")
        all_axes[0].legend(frameon=False)
        save(figure, folder / "cpu.svg")
    if runs := results.get("rate"):
        figure, axes = plt.subplots(figsize=(7, 2.8))
        for allowed, colour in (3, "#357"), (100, "#c65"):
            points = [(run["processes"], 100 * run["accepted"] / run["seconds"] / allowed) for run in runs if run["parts_per_second"] == allowed]
            axes.plot(*zip(*points), "o-", color=colour, label=f"{allowed} parts a second")
        axes.axhline(98, color="#999", linewidth=0.8, linestyle="--")
        axes.set(xlabel="sender processes", ylabel="% of the allowance used", ylim=(0, 110))
        axes.legend(frameon=False, loc="lower right")
        save(figure, folder / "rate.svg")


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
