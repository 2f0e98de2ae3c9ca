"""Makes what an alarm is about happen on the running local stack, and measures whether the alarm would ring.

It reads what CloudWatch would: the metric lines in the functions' logs, the queues, the counts of invocations and errors.
What it changed for that it changes back; the people whom it makes for that stay.
"""

import argparse
import json
import random
import re
import time
import uuid
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone

import cloud
import send_test
from cloud import Fault

PATIENCE_SECONDS = 60
CATEGORIES = ("battle_invitations", "battle_results", "battle_reminders", "streak_alerts", "achievements", "direct_messages")
# Texts to these numbers of the simulator are accepted and do not arrive; each may get five codes an hour.
DEAD_NUMBERS = [f"+150055500{n}" for n in (11, 12, 13, 14, 16, 17, 18)]
NO_MONEY_LEFT = "+15005550430"
PUMPED_PREFIX = "+1312557"
COMPARISONS = {
    "GreaterThanThreshold": ("above", lambda value, threshold: value > threshold),
    "GreaterThanOrEqualToThreshold": ("at or above", lambda value, threshold: value >= threshold),
    "LessThanThreshold": ("below", lambda value, threshold: value < threshold),
}


def main():
    arguments = parse()
    if not arguments.alarm:
        print("\n".join(BELLS))
        return 0
    if arguments.alarm not in BELLS:
        raise Fault(f"There is no alarm {arguments.alarm}: choose one of {', '.join(BELLS)}.")
    stack = cloud.find()
    if not stack.is_local:
        raise Fault("Alarms are rung on a local stack only: leave STACK= away.")
    local = Local(stack)
    threshold, comparison = alarm((cloud.ROOT / "template.yaml").read_text(), arguments.alarm)
    with ExitStack() as undo:
        measured = BELLS[arguments.alarm](local, undo)
    words, rings = COMPARISONS[comparison]
    verdict = "rings" if rings(measured, threshold) else "does NOT ring"
    print(f"{arguments.alarm} {verdict}: measured {measured:g}, and it rings {words} {threshold:g}")
    return 0 if rings(measured, threshold) else 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("alarm", nargs="?", help="its name in template.yaml; without one, all names")
    return parser.parse_args()


class Local:
    """The running local stack, and what has been measured there since this began."""

    def __init__(self, stack):
        self.stack = stack
        self.began = time.time()
        self.limits = stack.table("LimitsTable")
        self.recipients = stack.table("RecipientsTable")

    def client(self, service):
        return self.stack.client(service)

    def simulator(self):
        return cloud.client(self.stack.session, "pinpoint-sms-voice-v2", self.stack.console)

    def parameter(self, name):
        described = self.client("cloudformation").describe_stacks(StackName=self.stack.name)["Stacks"][0]
        return next(it["ParameterValue"] for it in described["Parameters"] if it["ParameterKey"] == name)

    def publish(self, body):
        url = self.stack.outputs["EventsQueueUrl"]
        self.client("sqs").send_message(QueueUrl=url, MessageBody=body if isinstance(body, str) else json.dumps(body))

    def person(self):
        """The user and the number of somebody new, who agreed to texts and has every switch on, whatever the people of the README have done since."""
        user, phone, agreed = f"made-{uuid.uuid4().hex[:12]}", number(), time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        person = {"user_id": user, "phone": phone, "phone_verified_at": agreed, "locale": "en-US", "time_zone": "America/New_York", "version": 0}
        person |= {"consent": {"phone": phone, "given_at": agreed, "method": "settings_page"}, "sms_enabled": True}
        person |= dict.fromkeys(CATEGORIES, True)
        self.recipients.put_item(Item=person)
        return user, phone

    def send(self, kind, user_id, phone=None):
        self.publish(send_test.fresh(send_test.sample(kind), user_id, phone, datetime.now(timezone.utc)))

    def call(self, function, payload):
        return self.client("lambda").invoke(FunctionName=f"{self.stack.name}-{function}", Qualifier="live", Payload=json.dumps(payload))

    def metric(self, function, name):
        """The values of a metric that the function has written since this began, with their dimensions."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self.stack.name}-{function}", startTime=int(self.began * 1000) - 1000
        )
        return metrics((event["message"] for page in pages for event in page["events"]), name, self.began)

    def counted(self, function, metric, seconds):
        """What the emulator itself has counted of a function's calls in the last `seconds`."""
        now = datetime.now(timezone.utc)
        points = self.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": f"{self.stack.name}-{function}"}],
            StartTime=now - timedelta(seconds=seconds),
            EndTime=now + timedelta(seconds=60),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points)

    def depth(self, output):
        url = self.stack.outputs[output]
        names = ["ApproximateNumberOfMessages"]
        return int(self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]])


def number():
    """A number that nobody has, of so many exchanges that asking for codes to them does not look like a pump."""
    return f"+1312{random.randrange(600, 900)}{random.randrange(10_000):04}"


def alarm(template, name):
    """Its threshold and how it compares. From the template, since the emulator knows no metric math and has not every alarm."""
    _, _, rest = template.partition(f"\n  {name}:\n    Type: AWS::CloudWatch::Alarm\n")
    block = re.split(r"\n  \S", rest, maxsplit=1)[0]
    threshold, comparison = (re.search(rf"^      {key}: (\S+)", block, re.MULTILINE) for key in ("Threshold", "ComparisonOperator"))
    return float(threshold[1]), comparison[1]


def metrics(messages, name, began):
    """The values of the metric `name` in a log's messages since `began`, each with its line."""
    found = []
    for line in (line for message in messages for line in message.splitlines()):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        directive = entry.get("_aws") if isinstance(entry, dict) else None
        if directive and name in entry and directive["Timestamp"] >= int(began * 1000):
            found.append((entry[name], entry))
    return found


def wait(what, look, patience=PATIENCE_SECONDS):
    """What `look` finds, once it finds something."""
    print(f"waiting for {what} …", flush=True)
    deadline = time.monotonic() + patience
    while not (found := look()):
        if time.monotonic() > deadline:
            raise Fault(f"Waited {patience} s for {what}, in vain.")
        time.sleep(0.5)
    return found


def written(local, function, name, patience=PATIENCE_SECONDS):
    """The greatest value of a metric that the function wrote, and its line for all to see."""
    found = wait(f"{name} in the log of the {function}", lambda: local.metric(function, name), patience)
    value, line = max(found, key=lambda one: one[0])
    print(f"  {json.dumps(line)}")
    return value


def dead_letters(local, undo):
    body = f"no event, but {uuid.uuid4()}"
    url = local.stack.outputs["DeadLetterQueueUrl"]
    sqs = local.client("sqs")

    def forget():
        for record in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1).get("Messages", []):
            if record["Body"] == body:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=record["ReceiptHandle"])

    before = local.depth("DeadLetterQueueUrl")
    local.publish(body)
    undo.callback(forget)
    return wait("a dead letter", lambda: (depth := local.depth("DeadLetterQueueUrl")) > before and depth)


def urgent_lane_slow(local, undo):
    functions = local.client("lambda")
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    lane = next(it for it in mappings if it["EventSourceArn"].endswith(f":{local.stack.name}-urgent"))
    functions.update_event_source_mapping(UUID=lane["UUID"], Enabled=False)
    undo.callback(functions.update_event_source_mapping, UUID=lane["UUID"], Enabled=True)
    local.send("security_alert", local.person()[0])
    wait("a text in the urgent lane", lambda: local.depth("UrgentQueueUrl"))
    since = time.monotonic()
    wait("it to grow old", lambda: time.monotonic() - since > 11)
    if not local.depth("UrgentQueueUrl"):
        raise Fault("The lane is empty: something took the text out of it.")
    return time.monotonic() - since


def delivery_dropped(local, _):
    for phone in DEAD_NUMBERS * 3:
        local.send("phone_verification", f"ring-{uuid.uuid4().hex[:12]}", phone)

    def outcomes():
        lines = [line["Outcome"] for _, line in local.metric("receipts", "Texts")]
        return {outcome: lines.count(outcome) for outcome in ("delivered", "undelivered")}

    few = "twenty final receipts; a number gets five codes an hour, so once an hour is as often as this works"
    wait(few, lambda: sum(outcomes().values()) >= 20, 120)
    found = outcomes()
    print(f"  {found}")
    return delivery_rate(**found)


def delivery_rate(delivered, undelivered):
    """The formula of the alarm."""
    return 100 * delivered / (delivered + undelivered) if delivered + undelivered >= 20 else 100


def budget_nearly_used(local, undo):
    key = {"limit_id": f"budget/{datetime.now(timezone.utc):%Y-%m}"}
    row = local.limits.get_item(Key=key, ConsistentRead=True).get("Item", {})
    missing = max(0, int(local.parameter("MonthlyBudget")) * 81 // 100 - int(row.get("committed", 0)))

    def add(amount):
        local.limits.update_item(Key=key, UpdateExpression="ADD committed :amount", ExpressionAttributeValues={":amount": amount})

    add(missing)
    undo.callback(add, -missing)
    # A transactional one: promotional ones end where the part kept for others begins.
    local.send("security_alert", local.person()[0])
    return written(local, "producer", "BudgetUsedPercent")


def aws_spend_limit_reached(local, undo):
    key = {"limit_id": f"budget/{datetime.now(timezone.utc):%Y-%m}"}
    undo.callback(local.limits.update_item, Key=key, UpdateExpression="REMOVE closed_until")
    local.send("phone_verification", f"ring-{uuid.uuid4().hex[:12]}", NO_MONEY_LEFT)
    measured = written(local, "sender", "AwsSpendLimitReached")
    wait("the gate to close", lambda: "closed_until" in local.limits.get_item(Key=key, ConsistentRead=True).get("Item", {}))
    return measured


def conversion_collapse(local, undo):
    hour, minute = divmod(int(time.time()) // 60 - 10, 60)
    asked = {"limit_id": f"conversion/{PUMPED_PREFIX}/{hour}", "expires_at": int(time.time()) + 86400, f"a{minute:02}": 30}
    local.limits.put_item(Item=asked)
    undo.callback(local.limits.delete_item, Key={"limit_id": asked["limit_id"]})
    undo.callback(local.limits.delete_item, Key={"limit_id": f"blocked/{PUMPED_PREFIX}"})
    local.send("phone_verification", f"ring-{uuid.uuid4().hex[:12]}", f"{PUMPED_PREFIX}{random.randrange(10_000):04}")
    return written(local, "producer", "ConversionCollapsed")


def opt_outs_drifted(local, _):
    phone = f"+1202556{random.randrange(10_000):04}"
    local.simulator().put_opted_out_number(OptOutListName="Default", OptedOutNumber=phone)
    local.limits.delete_item(Key={"limit_id": "opt-out-comparison"})
    began = time.monotonic()
    while not local.metric("reconciler", "OptOutDrift") and time.monotonic() - began < PATIENCE_SECONDS:
        local.call("reconciler", {})
    return written(local, "reconciler", "OptOutDrift", 1)


def reconciler_stopped(local, undo):
    schedules = local.client("scheduler")
    schedule = schedules.get_schedule(Name=f"{local.stack.name}-reconciler")
    wanted = ("Name", "GroupName", "Description", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    same = {name: schedule[name] for name in wanted if name in schedule}
    schedules.update_schedule(**same, State="DISABLED")
    undo.callback(schedules.update_schedule, **same, State="ENABLED")
    stopped = time.monotonic()
    wait("five minutes without a run", lambda: time.monotonic() - stopped > 310, 400)
    return local.counted("reconciler", "Invocations", 300)


def errors(function):
    """Fails the function as a whole, which bad records never do."""

    def ring(local, undo):
        payload = "no event"
        if function == "reconciler":
            # Whatever it is called with it runs; a row that nobody can read is what it fails on.
            key = {"message_id": str(uuid.uuid4())}
            messages = local.stack.table("MessagesTable")
            messages.put_item(Item=key | {"due": "urgent", "due_at": "2026-01-01T00:00:00.000Z"})
            undo.callback(messages.delete_item, Key=key)
        answer = local.call(function, payload)
        if "FunctionError" not in answer:
            raise Fault(f"The {function} took it.")
        print(f"  {answer['Payload'].read().decode(errors='replace')}")
        return wait("the error to be counted", lambda: local.counted(function, "Errors", 60))

    return ring


BELLS = {
    "DeadLetters": dead_letters,
    "UrgentLaneSlow": urgent_lane_slow,
    "DeliveryDropped": delivery_dropped,
    "BudgetNearlyUsed": budget_nearly_used,
    "AwsSpendLimitReached": aws_spend_limit_reached,
    "ConversionCollapse": conversion_collapse,
    "OptOutsDrifted": opt_outs_drifted,
    "ReconcilerStopped": reconciler_stopped,
    "ProducerErrors": errors("producer"),
    "SenderErrors": errors("sender"),
    "ReceiptsErrors": errors("receipts"),
    "InboundErrors": errors("inbound"),
    "ApiErrors": errors("api"),
    "ReconcilerErrors": errors("reconciler"),
}

if __name__ == "__main__":
    cloud.run(main)
