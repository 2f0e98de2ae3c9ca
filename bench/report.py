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
# Where lanes are measured, and nothing else.
STACK = "local stack, quick build"

# us-east-1, on demand, in dollars; the public price list as of 2026-11-26.
PRICES_OF = "2026-11-26"
PER_WRITE_UNIT = 0.625e-6
PER_READ_UNIT = 0.125e-6
PER_SQS_REQUEST = 0.40e-6
PER_SNS_PUBLISH = 0.50e-6
PER_LAMBDA_REQUEST = 0.20e-6
PER_GB_SECOND_ARM = 0.0000133334
PER_LOG_BYTE = 0.50e-9
PER_BYTE_MONTH = 0.25e-9
PER_BYTE_MONTH_OF_BACKUP = 0.20e-9
MEMORY_GB = 0.25
# What a call takes on AWS and not on loopback, and how many of a batch are made one after the other.
SECONDS_A_CALL = 0.005
ROUNDS = {"producer": 6, "sender": 8, "receipts": 4}
# Lambda's poller: one receive and one delete for a batch.
POLLS_A_BATCH = 2
# A row is kept for 400 days.
MONTHS_KEPT = 400 / 30.4

WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
BATCH_READS = ("BatchGetItem",)
SINGLE_READS = ("GetItem", "Query")
# The most calls that a message may need; a transaction is one, however many items it writes.
CALL_GOALS = [
    ("DynamoDB write calls, a message, event to delivered", WRITES, 6),
    ("DynamoDB batch reads, a message, event to delivered, without waiting for a slot", BATCH_READS, 1),
    ("DynamoDB single reads, a message, event to delivered", SINGLE_READS, 0),
]
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
    rows = [row for part in (cold, cpu, memory, size, calls, cost, rate, lanes, growth) for row in part(results)]
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
            yield Row(f"cold start of {function}: to the first `next`, ms", spread(here), spread(there) if there else f"producer's: {usual:.2f}", f"{ratio:.0f} ×", "≥ 30 ×", ratio >= 30)
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
    # No batch is measured of these.
    for function in "inbound", "api", "reconciler":
        if started := results.get("cold", {}).get("rust", {}).get(function):
            here = median(started["peak_memory"])
            yield Row(f"peak memory of {function} after its first answer, MB", f"{here / MB:.1f}", "", "", "≤ 25 MB", here <= 25 * MB)


def size(results):
    if not (sizes := results.get("sizes")):
        return
    for function in FUNCTIONS:
        here, there = sizes["rust"][function], sizes["python"].get(function)
        unpacked, zipped = weighed(f"size of {function}, MB", "bytes", here, there), weighed(f"package of {function}, zipped, MB", "zipped", here, there)
        unpacked.goal, unpacked.met = "≤ 9 MB", here["bytes"] <= 9 * MB
        yield from (unpacked, zipped)


def weighed(name, kind, here, there):
    row = Row(name, f"{here[kind] / MB:.1f}")
    if there:
        row.python, row.ratio = f"{there[kind] / MB:.1f}", f"{there[kind] / here[kind]:.1f} ×"
    return row


def per_message(counted, operations):
    return sum(count for name, count in counted["calls_per_message"].items() if name.partition("DynamoDB.")[2] in operations)


def calls(results):
    counted = results.get("calls", {})
    if not counted:
        return
    rust, python = counted["rust"], counted.get("python")
    for name, operations, goal in CALL_GOALS:
        here = per_message(rust, operations)
        there = f"{per_message(python, operations):.2f}" if python else ""
        yield Row(name, f"{here:.2f}", there, "", f"≤ {goal}", here <= goal)
    paced = rust["paced"]
    here = per_message(paced, BATCH_READS)
    yield Row(f"DynamoDB batch reads, a message, at {paced['parts_per_second']} parts a second", f"{here:.2f}", "", "", "≤ 1", here <= 1)
    for name, count in sorted(rust["calls_per_message"].items()):
        yield Row(f"calls a message: {name}", f"{count:.2f}", f"{python['calls_per_message'].get(name, 0):.2f}" if python else "")
    for step, units in rust["units_per_message"].items():
        other = python["units_per_message"].get(step) if python else None
        shown = lambda used: f"{used['write']:.1f} / {used['read']:.1f}"
        yield Row(f"DynamoDB units of {step}, a message, write / read", shown(units), shown(other) if other and sum(other.values()) else "")


def dollars(results, contestant, functions):
    """What these functions take for a million messages, by what it is for."""
    counted = results["calls"][contestant]
    warm = batches(results).get(contestant, {})
    units = [counted["units_per_message"][function] for function in functions]
    called = {name: count for name, count in counted["calls_per_message"].items() if name.split()[0] in functions}
    bill = {
        "DynamoDB": sum(used["write"] * PER_WRITE_UNIT + used["read"] * PER_READ_UNIT for used in units),
        "SQS": sum(count for name, count in called.items() if "AmazonSQS" in name) * PER_SQS_REQUEST,
        "SNS": 0,
        "Lambda": 0,
        "logs": sum(counted["log_bytes_per_message"][function] for function in functions) * PER_LOG_BYTE,
    }
    for function in functions:
        batch = counted["batches"][function]
        invocations = called.get(f"{function} Lambda.Answer", 0)
        times = warm.get(function, {}).get(str(batch))
        if not times:
            continue
        seconds = median(times["latency_ms"]) / 1000 + ROUNDS[function] * SECONDS_A_CALL
        bill["Lambda"] += invocations * (PER_LAMBDA_REQUEST + seconds * MEMORY_GB * PER_GB_SECOND_ARM)
        bill["SQS"] += invocations * POLLS_A_BATCH * PER_SQS_REQUEST
        if function == "receipts":
            bill["SNS"] += invocations * batch * PER_SNS_PUBLISH
    return {name: amount * 1e6 for name, amount in bill.items()}


def cost(results):
    if not results.get("calls") or not batches(results):
        return
    bill = dollars(results, "rust", ["producer", "sender", "receipts"])
    # The main app publishes each event to the events queue, by a request of its own.
    bill["SQS"] += 1e6 * PER_SQS_REQUEST
    for name, amount in bill.items():
        yield Row(f"a million messages, {name}, $", f"{amount:.2f}")
    total = sum(bill.values())
    yield Row(f"a million messages, calls, units, time and logs, $ (prices of {PRICES_OF})", f"{total:.2f}", "", "", "≤ 8", total <= 8)
    yield alone(results)
    paced, kept = results["calls"]["rust"]["paced"], results["calls"]["rust"]["bytes_kept_per_message"]
    waiting = paced["sender_seconds_per_message"] * MEMORY_GB * PER_GB_SECOND_ARM
    yield Row(f"a million messages at {paced['parts_per_second']} parts a second: Lambda's time while senders wait, $", f"{1e6 * waiting:.2f}")
    # A backup has no indexes.
    storage = (kept["table"] + kept["indexes"]) * PER_BYTE_MONTH + kept["table"] * PER_BYTE_MONTH_OF_BACKUP
    yield Row("what a million messages keep for 400 days, $", f"{1e6 * storage * MONTHS_KEPT:.2f}")


def alone(results):
    """What both contestants have, in dollars. Rounds of calls are taken to be as many as ours, which flatters the baseline."""
    of = lambda contestant: sum(dollars(results, contestant, ["producer", "sender"]).values())
    row = Row("a million messages, producer and sender alone, $", f"{of('rust'):.2f}")
    if "python" in results["calls"]:
        row.python, row.ratio = f"{of('python'):.2f}", f"{of('python') / of('rust'):.1f} ×"
    return row


def percent_used(run):
    """Of what a run's rate allowed; the first part was due at once."""
    return 100 * run["accepted"] / (run["parts_per_second"] * run["seconds"] + 1)


def rate(results):
    for run in results.get("rate", []):
        allowed, processes = run["parts_per_second"], run["processes"]
        if not allowed:
            yield Row(f"texts a second with {processes} senders, no limit", f"{run['accepted'] / run['seconds']:.0f}")
            continue
        used, throttled = percent_used(run), 100 * run["throttled"] / max(run["calls"], 1)
        met = (used >= 98 and throttled < 1) if processes >= 2 else None
        yield Row(f"of {allowed} parts a second, with {processes} senders, used / throttled", f"{used:.1f} % / {throttled:.2f} %", "", "", "≥ 98 % / < 1 %" if processes >= 2 else "", met)


def lanes(results):
    if not (measured := results.get("lanes")):
        return
    for name, took in measured["seconds"].items():
        shown = f"{quantile(took, 0.5):.2f} / {quantile(took, 0.95):.2f}" if took else "none arrived"
        yield Row(f"published event to the provider's call, {name} ({STACK}), p50 / p95, s", shown)
    published, arrived = measured["alone"] + measured["codes"], measured["alone_arrived_once"] + measured["arrived_once"]
    yield Row(f"texts that arrived, once, of those by themselves and the codes ({STACK})", f"{arrived} of {published}", "", "", "all", arrived == published)
    kept, throttled = 100 * measured["kept"] / measured["left"], 100 * measured["throttled"] / max(measured["calls"], 1)
    name = f"of what codes leave of 3 parts a second, bulk texts used / throttled ({STACK})"
    yield Row(name, f"{kept:.1f} % / {throttled:.2f} %", "", "", "≥ 95 % / < 1 %", kept >= 95 and throttled < 1)


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
    baseline = f"The baseline runs on {about['python']}. " if about["python"] else ""
    lines = [
        f"Measured on {about['date']}, commit {about['commit']}, on {about['cores']} cores of {about['processor']} ({about['architecture']}). "
        "Functions are compiled for this machine's architecture; prices are those of arm64. "
        f"{baseline}Medians, with the middle half of the samples.",
        "",
    ]
    lines += ["| figure | ours | baseline | ratio | goal | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        met = {None: "", True: "yes", False: "**no**"}[row.met]
        lines.append(f"| {row.name} | {row.rust} | {row.python} | {row.ratio} | {row.goal} | {met} |")
    return "\n".join(lines) + "\n"


def machine():
    models = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    baseline = ROOT / ".venv" / "bench" / "bin" / "python"
    return {
        "date": date.today().isoformat(),
        "commit": said("git", "describe", "--always", "--dirty") or "unknown",
        "cores": os.cpu_count(),
        "processor": models[0] if models else platform.machine(),
        "architecture": platform.machine(),
        "python": said(baseline, "--version") if baseline.exists() else "",
    }


def said(*command):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False).stdout.strip()


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
            points = [(run["processes"], percent_used(run)) for run in runs if run["parts_per_second"] == allowed]
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
