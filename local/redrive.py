"""Sends what the dead-letter queue holds back to where it came from, printing each record with its reason.

The functions note a record's queue and the reason in message attributes; of records that SQS itself moved
after their last try, SQS knows the queue.
"""

import argparse
from datetime import datetime, timezone

from botocore.exceptions import ClientError

import cloud

OURS = {"reason", "queue", "function"}  # attributes that the functions add to a record they set aside
HIDDEN_SECONDS = 120  # long enough to see every record once


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="list the records and leave them")
    dry_run = parser.parse_args().dry_run
    stack = cloud.find()
    print(f"stack {stack.name} on {stack.where}")
    sqs, dead_letters = stack.client("sqs"), stack.outputs["DeadLetterQueueUrl"]
    kept = moved = 0
    for record in records(sqs, dead_letters, dry_run):
        queue = origin(record)
        print(describe(record, queue))
        if dry_run or not send_back(sqs, dead_letters, record, queue):
            kept += 1
        else:
            moved += 1
    print(f"{kept} in the dead-letter queue, nothing moved" if dry_run else f"{moved} sent back, {kept} left")
    return 1 if kept and not dry_run else 0


def records(sqs, queue, put_back):
    """Every record once. Those listed only are made visible again at the end."""
    seen = {}
    try:
        while batch := receive(sqs, queue):
            new = [record for record in batch if record["MessageId"] not in seen]
            seen |= {record["MessageId"]: record["ReceiptHandle"] for record in batch}
            yield from new
            if not new:
                return
    finally:
        for handle in seen.values() if put_back else ():
            sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=0)


def receive(sqs, queue):
    return sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=10,
        VisibilityTimeout=HIDDEN_SECONDS,
        WaitTimeSeconds=1,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    ).get("Messages", [])


def origin(record):
    """The name of the queue that the record came from, if anybody noted it."""
    noted = record.get("MessageAttributes", {}).get("queue", {}).get("StringValue")
    moved_from = record["Attributes"].get("DeadLetterQueueSourceArn", "").rpartition(":")[2]
    return noted or moved_from or None


def describe(record, queue):
    noted = {name: value.get("StringValue") for name, value in record.get("MessageAttributes", {}).items()}
    sent = datetime.fromtimestamp(int(record["Attributes"]["SentTimestamp"]) / 1000, timezone.utc)
    reason = noted.get("reason") or "no reason noted: its last try failed or timed out; see the function's log"
    function = f", {noted['function']}" if noted.get("function") else ""
    return f"  {sent:%Y-%m-%d %H:%M:%S}Z  {record['MessageId']}  from {queue or 'nobody knows where'}{function}: {reason}"


def send_back(sqs, dead_letters, record, queue):
    if queue is None:
        return False
    try:
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    except ClientError as error:
        print(f"    left: there is no queue {queue} ({error.response['Error']['Code']})")
        return False
    attributes = {name: value for name, value in record.get("MessageAttributes", {}).items() if name not in OURS}
    sqs.send_message(QueueUrl=url, MessageBody=record["Body"], MessageAttributes=attributes)
    sqs.delete_message(QueueUrl=dead_letters, ReceiptHandle=record["ReceiptHandle"])
    return True


if __name__ == "__main__":
    cloud.run(main)
