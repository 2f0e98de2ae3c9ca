"""Writes everything that proves what a person agreed to, on one printable page: what was shown, every yes and no, every text and every reply.

Works on the local stack, or with STACK= (and AWS_PROFILE=) on a deployed one. It recomputes the chain of the consent ledger
by itself, from the rows alone. Exits with 0 if the chain is whole, with 1 if it is not: the page then says where.
Of an erased person it shows the sealed ledger, for as long as that is kept.
"""

import argparse
import os
import re
import uuid
from datetime import datetime, timezone
from pathlib import Path

from boto3.dynamodb.conditions import Key

import cloud
import consent_page
from cloud import ROOT, Fault
from consent_chain import Story, check
from send_test import NAMESPACE

AT_ONCE = 100  # as many rows as a BatchGetItem takes


def main():
    arguments = parse()
    stack = cloud.find()
    print(f"stack    {stack.name} on {stack.where}")
    story = read(stack, arguments.person)
    verdict = check(story)
    path = Path(arguments.output or default_name(arguments.person))
    write(path, consent_page.page(story, verdict))
    print(f"person   {masked(arguments.person)}{', erased' if story.is_erased else ''}")
    print(f"ledger   {len(verdict.entries)} entries")
    print(f"texts    {len(story.messages)}, replies {len(story.replies)}, numbers {len(story.phones)}")
    print(f"page     {path}")
    for finding in verdict.findings:
        print(f"BROKEN   {finding}")
    print("verdict  the chain is whole" if verdict.is_whole else "verdict  THE CHAIN IS BROKEN: this is not the record as it was written")
    return 0 if verdict.is_whole else 1


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog="make consent-proof PERSON=ada OUTPUT=proof.html"
    )
    parser.add_argument("person", help="their user_id")
    parser.add_argument("--output", help="where to write the page (default: consent-proof-<person>.html in this folder)")
    arguments = parser.parse_args()
    if not arguments.person.strip():
        parser.error("name a person: make consent-proof PERSON=ada")
    return arguments


def masked(person):
    """The id, but for what may be a phone number."""
    return re.sub(r"\d{5,}(?=\d{2})", lambda digits: "*" * len(digits[0]), person)


def default_name(person):
    return f"consent-proof-{re.sub(r'[^A-Za-z0-9._-]', '_', masked(person).replace('*', 'x'))}.html"


def write(path, text):
    """For the eyes of who runs this only."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Fault(f"The page cannot be written to {path}: {error.strerror}. Name another place with OUTPUT=….") from error


def read(stack, person):
    """All that the tables have on a person."""
    recipient = stack.table("RecipientsTable").get_item(Key={"user_id": person}, ConsistentRead=True).get("Item")
    entries = query(stack.table("ConsentsTable"), Key("user_id").eq(person), ConsistentRead=True)
    ids = query(stack.table("MessagesTable"), Key("user_id").eq(person), IndexName="by_user")
    if not (recipient or entries or ids):
        raise Fault(f"There is no person {masked(person)} on this stack, or what was kept of them was forgotten when its time was over. PERSON= wants a user_id.")
    phones = sorted({entry["phone"] for entry in entries if "phone" in entry} | {row for row in [(recipient or {}).get("phone")] if row})
    replies = [reply for phone in phones for reply in query(stack.table("RepliesTable"), Key("phone").eq(phone), IndexName="by_phone")]
    # What we answered to a reply names no person if nobody had the number then.
    answers = [str(uuid.uuid5(NAMESPACE, f"sms/replies\n{reply['inbound_message_id']}")) for reply in replies]
    wanted = dict.fromkeys([row["message_id"] for row in ids] + answers)
    messages = batch(stack, "MessagesTable", [{"message_id": message_id} for message_id in wanted])
    return Story(
        person=person,
        stack=f"{stack.name} on {stack.where}",
        made_at=datetime.now(timezone.utc),
        recipient=recipient or {},
        entries=entries,
        messages=sorted((row for row in messages if "erased_at" not in row), key=lambda row: row["created_at"]),
        replies=sorted(replies, key=lambda reply: reply["received_at"]),
        opt_outs={row["phone"]: row for row in batch(stack, "OptOutsTable", [{"phone": phone} for phone in phones])},
        phones=phones,
        disclosures={path.stem: path.read_text(encoding="utf-8").rstrip() for path in sorted((ROOT / "disclosures").glob("*.txt"))},
    )


def query(table, condition, **more):
    rows, start = [], {}
    while True:
        answer = table.query(KeyConditionExpression=condition, **more, **start)
        rows += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return rows
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def batch(stack, output, keys):
    table = stack.table(output)
    rows = []
    while keys:
        some, keys = keys[:AT_ONCE], keys[AT_ONCE:]
        answer = table.meta.client.batch_get_item(RequestItems={table.name: {"Keys": some, "ConsistentRead": True}})
        rows += answer["Responses"].get(table.name, [])
        keys += answer.get("UnprocessedKeys", {}).get(table.name, {}).get("Keys", [])
    return rows


if __name__ == "__main__":
    cloud.run(main)
