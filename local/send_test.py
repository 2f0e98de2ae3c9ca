"""Publishes one sample event and follows its message row until it is final, printing each step.

Works on the local stack, or with STACK= (and AWS_PROFILE=) on a deployed one: the way to try production
after its number is verified. Exits with 0 if the text was delivered.
"""

import argparse
import json
import re
import time
import uuid
from datetime import datetime, timedelta, timezone

import cloud
from cloud import ROOT, Fault

# shared/src/event.rs derives the id of a message the same way.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://allthrive.ai/sms/events")
RFC_3339 = re.compile(r"(?P<second>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(\.\d+)?(?P<offset>[Zz]|[+-]\d\d:\d\d)")
FINAL = {"delivered", "undelivered", "failed", "suppressed", "expired", "merged"}


def main():
    arguments = parse()
    if re.fullmatch(r"\+\d{7,15}", arguments.to):
        raise Fault("TO is a user_id, such as TO=ada, and not a phone number: a text goes to the number that the person has verified.")
    event = fresh(sample(arguments.type), arguments.to, arguments.phone, datetime.now(timezone.utc))
    message_id = str(uuid.uuid5(NAMESPACE, f"{event['source']}\n{event['id']}"))
    if arguments.dry_run:
        print(json.dumps(event, indent=2, ensure_ascii=False))
        print(f"DRY_RUN: this would go to EventsQueueUrl, and its message row would be {message_id}; nothing was published")
        return 0
    stack = cloud.find()
    print(f"stack    {stack.name} on {stack.where}")
    print(f"event    {event['type']} for {arguments.to}")
    print(f"message  {message_id}", flush=True)
    began = time.monotonic()
    stack.client("sqs").send_message(QueueUrl=stack.outputs["EventsQueueUrl"], MessageBody=json.dumps(event))
    row = follow(stack.table("MessagesTable"), message_id, began, arguments.seconds)
    describe(row)
    return 0 if row["status"] == "delivered" else 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("to", help="user_id of the person to text")
    parser.add_argument("type", nargs="?", default="battle_invitation", help="an event type with a sample in events/")
    parser.add_argument("--phone", help="the number to verify, for phone_verification")
    parser.add_argument("--seconds", type=float, default=120, help="how long to follow the row (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="show the event and publish nothing")
    return parser.parse_args()


def sample(kind):
    path = ROOT / "events" / f"{kind}.json"
    if not path.exists():
        known = ", ".join(sorted(path.stem for path in (ROOT / "events").glob("*.json")))
        raise Fault(f"There is no sample of type {kind}: choose one of {known}.")
    return json.loads(path.read_text())


def fresh(event, user_id, phone, now):
    """The sample as if it happened now: a new id, and every time in it moved by as much as its own."""
    delay = now - instant(event["time"])
    data = {name: moved(value, delay) for name, value in event["data"].items()} | {"user_id": user_id}
    if phone:
        data["phone"] = phone
    times = {name: moved(event[name], delay) for name in ("time", "expirytime") if name in event}
    return event | times | {"id": str(uuid.uuid4()), "data": data}


def moved(value, delay: timedelta):
    """`value` later by `delay` if it is an RFC 3339 instant, else `value`."""
    try:
        at = instant(value)
    except (TypeError, ValueError):
        return value
    return (at + delay).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(text):
    """The moment that an RFC 3339 text says, to the second."""
    found = RFC_3339.fullmatch(text)
    if not found:
        raise ValueError(f"{text} is no RFC 3339 instant")
    # Before Python 3.11 `fromisoformat` takes no Z, and not every fraction of a second.
    return datetime.fromisoformat(found["second"] + found["offset"].upper().replace("Z", "+00:00"))


def follow(table, message_id, began, patience):
    """Prints what the row goes through, and returns it when it is final."""
    seen = 0
    gates_shown = False
    while True:
        row = table.get_item(Key={"message_id": message_id}, ConsistentRead=True).get("Item")
        elapsed = time.monotonic() - began
        if row and not gates_shown:
            for gate in row.get("gates", []):
                print(f"  gate     {gate['gate']}: {gate['verdict']}{': ' + str(gate['detail']) if gate.get('detail') else ''}")
            gates_shown = True
        if row:
            for change in row.get("changes", [])[seen:]:
                print(f"{elapsed:7.2f} s  {change['status']}", flush=True)
                seen += 1
            if row["status"] in FINAL:
                return row
        if elapsed > patience:
            raise Fault(given_up(row, patience))
        time.sleep(0.2)


def given_up(row, patience):
    if row is None:
        return (
            f"No message row after {patience:.0f} s: see the producer's log, "
            "and `make redrive DRY_RUN=1` for what the dead-letter queue holds."
        )
    return f"The message is still `{row['status']}` after {patience:.0f} s: AWS may take up to 72 hours to report a delivery."


def describe(row):
    """What became of the text; neither its body nor the whole number."""
    for label, name in (("to", "phone_masked"), ("carrier", "carrier"), ("parts", "parts"), ("encoding", "encoding")):
        if row.get(name) is not None:
            print(f"{label:8} {row[name]}")
    if row.get("price") is not None:
        print(f"{'price':8} ${(row['price'] + row.get('carrier_fee', 0)) / 1_000_000:.6f} with the carrier's fee")
    if row.get("delivery_detail"):
        print(f"{'detail':8} {row['delivery_detail']}")
    print(f"{'outcome':8} {row['status']}")


if __name__ == "__main__":
    cloud.run(main)
