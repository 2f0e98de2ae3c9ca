"""How long texts take: first each by itself, and then codes while bulk texts wait: BULK invitations are published, and then, over a minute, CODES codes.

Runs against the stack that STACK_FILE describes (`make bench-lanes` starts one of its own at PARTS_PER_SECOND=3) and
prints the distribution of the time from publishing to the call of the provider, which the simulator's phones show at
once, what bulk kept of the rate, and how many calls AWS throttled. It fails if that is worse than the limits below, or
if a code, or a text by itself, does not arrive, once; with --output it writes all of that down instead.
"""

import argparse
import json
import os
import sys
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import boto3

# Issue 4: "50 codes requested over the next 60 s each reach the phone's simulator within 2.5 s at the 95th percentile",
MOST_SECONDS_AT_P95 = 2.5
# "bulk keeps at least 95 % of what is left of the rate",
LEAST_PERCENT_KEPT = 95
# "and throttled calls stay below 1 % of calls".
PERCENT_THROTTLED_IS_TOO_MUCH = 1

# Texts of each lane that are sent by themselves.
ALONE = 20

# As many prefixes as codes, so that no guard takes them for a fraud against one.
AREA_CODES = [201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234, 239, 240,
              248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314]


def main():
    arguments = parse()
    stack = json.loads(Path(os.environ["STACK_FILE"]).read_text())
    console, queue = stack["console"], stack["outputs"]["EventsQueueUrl"]
    sqs = boto3.client("sqs")
    let_through(console, arguments.parts_per_second)

    alone = {"urgent": {}, "bulk": {}}
    print(f"publishing {ALONE} codes and {ALONE} invitations, one after the other", flush=True)
    for n in range(1, ALONE + 1):
        # Of the last people: the first are invited below, too.
        guest = arguments.bulk + 1 - n
        code_phone = f"+1{AREA_CODES[-n]}5550{n:03}"
        for lane, phone, one in ("urgent", code_phone, code(f"alone-{n}", code_phone)), ("bulk", f"+1312556{guest:04}", invitation(guest)):
            alone[lane][phone] = time.time()
            publish(sqs, queue, [one])
            wait_for_text(console, phone)
    # Not at once, but when all others have come: a second text would have come by then.
    alone = {lane: [took(published, texts(console, phone)) for phone, published in phones.items()] for lane, phones in alone.items()}

    print(f"publishing {arguments.bulk} invitations", flush=True)
    bulk = [invitation(n) for n in range(1, arguments.bulk + 1)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda some: publish(sqs, queue, some), chunks(bulk, 10)))
    waiting = wait_for_lane(sqs, stack["outputs"], arguments.bulk, console)

    print(f"{waiting} wait in the bulk lane; {arguments.codes} codes over {arguments.seconds} s", flush=True)
    request("DELETE", f"{console}/stats")
    began = time.time()
    published = {}
    for n in range(arguments.codes):
        pause = began + n * arguments.seconds / arguments.codes - time.time()
        time.sleep(max(pause, 0))
        phone = f"+1{AREA_CODES[n % len(AREA_CODES)]}555{100 + n:04}"
        published[phone] = time.time()
        publish(sqs, queue, [code(f"lanes-{n}", phone)])
        progress(n + 1, arguments.codes)
    time.sleep(max(began + arguments.seconds - time.time(), 0))
    stats = request("GET", f"{console}/stats")
    ended = time.time()
    codes = [took(at, wait_for_text(console, phone)) for phone, at in published.items()]
    in_time = sum(bool(code) and at + code[0] <= ended for at, code in zip(published.values(), codes))
    measured = Measured(arguments, stats, ended - began, codes, in_time, alone)
    print(f"\n{measured.table()}", flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps(measured.figures()))
    elif faults := measured.faults():
        sys.exit("\n".join(faults))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bulk", type=int, default=2000, help=f"invitations, one a person, at least {ALONE} (default: %(default)s)")
    parser.add_argument("--codes", type=int, default=50, help="codes (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="over which the codes are asked for (default: %(default)s)")
    parser.add_argument("--parts-per-second", type=int, default=3, help="what the simulator lets through (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write what was measured to FILE, as JSON, and leave it to its reader whether that is good")
    arguments = parser.parse_args()
    if arguments.bulk < ALONE:
        parser.error(f"--bulk={arguments.bulk}: {ALONE} of the invited get a text by themselves first")
    return arguments


def event(kind, user_id, data):
    return {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "bench/lanes", "type": f"com.allthrive.sms.{kind}.v1",
            "time": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "datacontenttype": "application/json", "data": {"user_id": user_id, **data}}


def code(user_id, phone):
    return event("phone_verification", user_id, {"phone": phone})


def invitation(n):
    return event("battle_invitation", f"u{n}", {"inviter_name": "Ada", "battle_topic": "Haiku duel", "invitation_link": "https://allthrive.ai/b/9"})


def publish(sqs, queue, events):
    entries = [{"Id": str(n), "MessageBody": json.dumps(one)} for n, one in enumerate(events)]
    failed = sqs.send_message_batch(QueueUrl=queue, Entries=entries).get("Failed")
    if failed:
        sys.exit(f"the events queue refused {len(failed)} events")


def chunks(items, size):
    return [items[start:start + size] for start in range(0, len(items), size)]


def wait_for_lane(sqs, outputs, wanted, console):
    """Until every invitation was decided: as many are in the lane as were not sent yet."""
    deadline = time.monotonic() + 600
    while True:
        events = depth(sqs, outputs["EventsQueueUrl"])
        lane = depth(sqs, outputs["BulkQueueUrl"])
        progress(wanted - events, wanted)
        if events == 0:
            return lane
        if time.monotonic() > deadline:
            sys.exit(f"after ten minutes {events} events are still not decided: see the producer's log")
        time.sleep(1)


def depth(sqs, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
    return sum(int(count) for count in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values())


def wait_for_text(console, phone):
    """When texts came to the phone; none if there was none within a minute."""
    deadline = time.monotonic() + 60
    while not (came := texts(console, phone)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return came


def texts(console, phone):
    """When texts came to the phone so far."""
    shown = request("GET", f"{console}/phones/{phone.replace('+', '%2B')}/messages")
    return [instant(text["at"]) for text in shown if text["direction"] == "to_person"]


def instant(text):
    """Seconds since 1970 of a time in UTC. Before Python 3.11 `fromisoformat` takes no Z, and no nine digits of a second's fraction."""
    second, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(second).replace(tzinfo=timezone.utc).timestamp() + float(f"0.{fraction or 0}")


def took(published, came):
    """How long after its publication each text came."""
    return [at - published for at in came]


class Measured:
    """What came of a run: of each code and of each text by itself, how many seconds its texts took; and what the simulator counted while codes were asked for."""

    def __init__(self, arguments, stats, seconds, codes, codes_in_time, alone):
        self.codes = codes
        self.alone = alone
        self.took = first(codes)
        self.calls = stats["calls"]
        self.throttled = stats["rejected"].get("ThrottlingException", 0)
        self.others = {name: count for name, count in stats["rejected"].items() if name != "ThrottlingException"}
        # Both kinds of text are of one part here.
        self.left = arguments.parts_per_second * seconds - codes_in_time
        self.kept = stats["accepted"] - codes_in_time

    def at(self, share, of=None):
        """So many seconds, or less, took this share of the texts that arrived: of the codes, if nothing else is said."""
        took = self.took if of is None else of
        return took[min(int(share * len(took)), len(took) - 1)] if took else float("nan")

    def figures(self):
        return {
            "seconds": {f"one text alone in the {lane} lane": first(texts) for lane, texts in self.alone.items()} | {"a code while the bulk lane is full": self.took},
            "codes": len(self.codes),
            "arrived_once": once(self.codes),
            "alone": sum(len(texts) for texts in self.alone.values()),
            "alone_arrived_once": sum(once(texts) for texts in self.alone.values()),
            "kept": self.kept,
            "left": self.left,
            "calls": self.calls,
            "throttled": self.throttled,
        }

    def percent_kept(self):
        return 100 * self.kept / self.left

    def percent_throttled(self):
        return 100 * self.throttled / max(self.calls, 1)

    def table(self):
        rows = [
            ("figure", "measured", "limit"),
            ("---", "---", "---"),
            *[
                (f"published to provider, one text alone in the {lane} lane, p50 / p95", f"{self.at(.5, of=first(texts)):.2f} / {self.at(.95, of=first(texts)):.2f} s", "")
                for lane, texts in self.alone.items()
            ],
            ("codes that arrived, once", f"{once(self.codes)} of {len(self.codes)}", "all"),
            (
                "published to provider, p50 / p95 / p99 / longest",
                f"{self.at(.5):.2f} / {self.at(.95):.2f} / {self.at(.99):.2f} / {self.at(1):.2f} s",
                f"p95 within {MOST_SECONDS_AT_P95} s",
            ),
            ("bulk texts sent, of what codes left of the rate", f"{self.kept} of {self.left:.0f}: {self.percent_kept():.1f} %", f"at least {LEAST_PERCENT_KEPT} %"),
            ("calls throttled", f"{self.throttled} of {self.calls}: {self.percent_throttled():.2f} %", f"below {PERCENT_THROTTLED_IS_TOO_MUCH} %"),
        ]
        if self.others:
            rows.append(("calls refused otherwise", str(self.others), ""))
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def faults(self):
        """What is worse than it may be, and what did not arrive, once. No figure at all is as bad."""
        good = [
            (self.at(.95) <= MOST_SECONDS_AT_P95, f"codes took {self.at(.95):.2f} s at the 95th percentile, and may take {MOST_SECONDS_AT_P95} s"),
            (self.percent_kept() >= LEAST_PERCENT_KEPT, f"bulk kept {self.percent_kept():.1f} % of what was left of the rate, and has to keep {LEAST_PERCENT_KEPT} %"),
            (
                self.percent_throttled() < PERCENT_THROTTLED_IS_TOO_MUCH,
                f"{self.percent_throttled():.2f} % of calls were throttled, and {PERCENT_THROTTLED_IS_TOO_MUCH} % is too much",
            ),
            (once(self.codes) == len(self.codes), f"of {len(self.codes)} codes {once(self.codes)} arrived, once"),
            *[
                (once(texts) == len(texts), f"of {len(texts)} texts by themselves in the {lane} lane {once(texts)} arrived, once")
                for lane, texts in self.alone.items()
            ],
        ]
        return [fault for is_good, fault in good if not is_good]


def first(texts):
    """How long those that arrived took to do so, in order."""
    return sorted(took[0] for took in texts if took)


def once(texts):
    """How many arrived, and not twice."""
    return sum(len(took) == 1 for took in texts)


def let_through(console, parts_per_second):
    request("PUT", f"{console}/faults", {"parts_per_second": parts_per_second})


def request(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(call, timeout=30) as answer:
        content = answer.read()
    return json.loads(content) if content else None


def progress(done, of):
    if sys.stderr.isatty():
        print(f"\r{done} of {of}", end="\n" if done >= of else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
