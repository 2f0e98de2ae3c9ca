"""Takes every permission away from every function of the running local stack, one at a time, and looks at what no longer works.

Each function lives through what it is there for while one action is missing from one statement of its role. If nothing is
denied, nobody needs that action. Before that it lives through all of it with every permission, and nothing may be denied:
what is denied later is so for what was taken away. What was taken away is given back, also after Ctrl-C.
"""

import argparse
import copy
import json
import os
import re
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from contextlib import ExitStack
from pathlib import Path

import cloud
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from cloud import Fault
from ring import Local, number

PATIENCE_SECONDS = 20
# After the last journey: long enough for a text to be sent and its receipt to come.
SETTLING_SECONDS = 5
PAST = "2026-01-01T00:00:00.000Z"
# What a row has only once its text was sent.
DONE = ("settled", "provider_message_id", "price", "carrier_fee", "lease_until")
BLOCKS_US = "Phone has blocked SMS"
DENIED = re.compile(r"not authorized to perform: ([\w-]+:\w+)")

# What this machine cannot show, and why.
ELSEWHERE = {
    "logs": "the emulator takes the log from the function's output",
    "xray": "the emulator traces nothing",
    "sms-voice": "the simulator stands in for the service, and checks no signature",
    "sqs:ReceiveMessage": "Lambda's own poller receives; the emulator's asks nobody",
    "sqs:DeleteMessage": "Lambda's own poller deletes; the emulator's asks nobody",
    "sqs:SendMessage+Batch": "AWS asks for it in a batch; the emulator asks for SendMessageBatch",
}


def main():
    arguments = parse()
    stack = cloud.find()
    if not stack.is_local:
        raise Fault("Permissions are taken from a local stack only: leave STACK= away.")
    doors = Doors(Local(stack))
    superfluous = unknown = 0
    with ExitStack() as undo:
        print("| function | statement | action | without it |\n|---|---|---|---|", flush=True)
        for function in arguments.functions or LIVES:
            role, policy = doors.policy(function)
            undo.callback(doors.give, role, function, policy)
            doors.demand_nothing_denied(function)
            for statement, action in permissions(policy):
                if reason := elsewhere(statement, action):
                    print(f"| {function} | {statement['Sid']} | {action} | not seen here: {reason} |", flush=True)
                    unknown += 1
                    continue
                doors.give(role, function, without(policy, statement["Sid"], action))
                try:
                    lost = doors.lost(function, statement["Sid"], action)
                finally:
                    doors.give(role, function, policy)
                superfluous += not lost
                print(f"| {function} | {statement['Sid']} | {action} | {lost or '**nothing: superfluous**'} |", flush=True)
    print(f"\n{superfluous} superfluous, {unknown} that cannot be seen here")
    return 1 if superfluous else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("functions", nargs="*", metavar="function", help=f"only these of {', '.join(LIVES)}")
    arguments = parser.parse_args()
    for name in arguments.functions:
        if name not in LIVES:
            raise Fault(f"There is no function {name}: choose from {', '.join(LIVES)}.")
    return arguments


def permissions(policy):
    return [(statement, action) for statement in policy["Statement"] for action in actions(statement)]


def actions(statement):
    return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


def journeys(function, sid):
    """Those that need the statement."""
    known = LIVES[function].get(sid)
    if not known:
        raise Fault(f"No journey is known for the statement {sid} of the {function}: add one to {__file__}.")
    return known if isinstance(known, tuple) else (known,)


def elsewhere(statement, action):
    if action == "sqs:SendMessage" and "sqs:SendMessageBatch" in actions(statement):
        return ELSEWHERE["sqs:SendMessage+Batch"]
    if action == "sqs:GetQueueAttributes" and "sqs:ReceiveMessage" in actions(statement):
        return "Lambda's own poller asks for it; the emulator's asks nobody"
    return ELSEWHERE.get(action) or ELSEWHERE.get(action.partition(":")[0])


def without(policy, sid, action):
    less = copy.deepcopy(policy)
    for statement in less["Statement"]:
        if statement["Sid"] == sid:
            statement["Action"] = [kept for kept in actions(statement) if kept != action]
    less["Statement"] = [statement for statement in less["Statement"] if statement["Action"]]
    return less


class Unmoved(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Doors:
    """The stack, and what people do there."""

    def __init__(self, local):
        self.local = local
        self.stack = local.stack
        self.iam = self.stack.client("iam")
        self.table = self.stack.table
        self.messages = self.table("MessagesTable")

    def policy(self, function):
        role = self.stack.client("lambda").get_function_configuration(FunctionName=f"{self.stack.name}-{function}")["Role"].rpartition("/")[2]
        document = self.iam.get_role_policy(RoleName=role, PolicyName=function)["PolicyDocument"]
        return role, json.loads(document) if isinstance(document, str) else document

    def give(self, role, function, policy):
        self.iam.put_role_policy(RoleName=role, PolicyName=function, PolicyDocument=json.dumps(policy))

    def demand_nothing_denied(self, function):
        """Every journey of the function once, with nothing taken away."""
        began = time.time()
        for journey in dict.fromkeys(journey for sid in LIVES[function] for journey in journeys(function, sid)):
            journey(self)
        time.sleep(SETTLING_SECONDS)
        if denied := self.denied(function, began):
            raise Fault(f"The {function} was denied {', '.join(sorted(denied))} with nothing taken away: its role, or the running stack, lacks it.")

    def lost(self, function, sid, action):
        """The journey on which the function was denied `action`."""
        for journey in journeys(function, sid):
            began = time.time()
            journey(self)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < deadline:
                if action in self.denied(function, began):
                    return journey.__doc__.rstrip(".")
                time.sleep(0.1)
        return None

    def denied(self, function, since):
        pages = self.stack.client("logs").get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self.stack.name}-{function}", startTime=int(since * 1000)
        )
        return {action for page in pages for event in page["events"] for action in DENIED.findall(event["message"])}

    def call(self, method, path, body=None, token=None):
        """A request to the API, by a backend or with a person's token; answers with its status and body."""
        url = self.stack.outputs["ApiUrl"] + path
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        else:
            request = AWSRequest(method, url, headers, data)
            SigV4Auth(self.stack.session.get_credentials(), "execute-api", cloud.REGION).add_auth(request)
            headers = dict(request.headers.items())
        return self.fetch(urllib.request.Request(url, data, headers, method=method))

    def stop_on_the_page(self, token):
        """Presses "stop everything" on the preference page."""
        url = self.stack.outputs["ApiUrl"] + "/preferences"

        def page(address, cookie=None, form=None):
            request = urllib.request.Request(address, form and urllib.parse.urlencode(form).encode(), {"cookie": cookie} if cookie else {})
            try:
                return urllib.request.build_opener(urllib.request.ProxyHandler({}), Unmoved).open(request, timeout=30)
            except urllib.error.HTTPError as error:
                return error

        cookie = (page(f"{url}?token={urllib.parse.quote(token)}").headers.get("set-cookie") or "").partition(";")[0]
        proof = re.search(r'name="?proof"? value="?([^" >]+)', page(url, cookie).read().decode())
        if proof:
            page(url, cookie, {"act": "stop", "proof": proof[1]}).close()

    def restart(self, function):
        """Ends the function's processes, which the emulator starts anew."""
        name = f"AWS_LAMBDA_FUNCTION_NAME={self.stack.name}-{function}"
        endpoint = f"AWS_ENDPOINT_URL={self.stack.endpoint}"
        for place in Path("/proc").glob("[0-9]*"):
            try:
                environment = (place / "environ").read_bytes().decode(errors="replace").split("\0")
                if name in environment and endpoint in environment:
                    os.kill(int(place.name), signal.SIGKILL)
            except OSError:
                continue

    def texts_us(self, phone, body):
        url = f"{self.stack.console}/phones/{urllib.parse.quote(phone)}/messages"
        self.fetch(urllib.request.Request(url, json.dumps({"body": body}).encode(), {"content-type": "application/json"}))

    def received(self, phone):
        url = f"{self.stack.console}/phones/{urllib.parse.quote(phone)}/messages"
        return [text["body"] for text in self.fetch(url)[1] if text["direction"] == "to_person"]

    def fetch(self, request):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, None

    def held(self, user, texts):
        """Texts that waited for a morning that is over."""
        self.local.send("battle_invitation", user)
        if row := self.row_of(user):
            for _ in range(texts):
                self.put_another(row, status="held", release_at=PAST)

    def put_another(self, row, status, **more):
        """Writes the row of a text like that of `row`, with nothing done but its first step, and reserves its money as whoever admits one does."""
        id, reserved = uuid.uuid4(), row["reserved"]
        another = {name: value for name, value in row.items() if name not in DONE}
        another |= {"message_id": str(id), "status": status, "changes": [{"status": status, "at": row["created_at"]}], "attempts": 0}
        another |= {"due": f"bulk-{id.bytes[15] % 4}", "due_at": PAST} | more
        self.messages.put_item(Item=another)
        self.local.limits.update_item(
            Key={"limit_id": f"budget/{reserved['month']}"},
            UpdateExpression="ADD committed :amount, #class :amount",
            ExpressionAttributeNames={"#class": row["class"]},
            ExpressionAttributeValues={":amount": reserved["amount"]},
        )

    def row_of(self, user):
        """Their latest text, once it is settled."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = self.messages.query(
                IndexName="by_user",
                KeyConditionExpression="user_id = :user",
                ExpressionAttributeValues={":user": user},
                ScanIndexForward=False,
                Limit=1,
            )["Items"]
            row = found and self.messages.get_item(Key={"message_id": found[0]["message_id"]}, ConsistentRead=True).get("Item")
            if row and "settled" in row:
                return row
            time.sleep(0.1)
        return None

    def reconcile(self, times=1):
        for _ in range(times):
            self.local.call("reconciler", {})


# Where the records of each function come from.
QUEUES = {"producer": "events", "sender": "urgent", "receipts": "receipts", "inbound": "inbound"}


def record(doors, function, body, times=1):
    queue = f"arn:aws:sqs:{cloud.REGION}:000000000000:{doors.stack.name}-{QUEUES[function]}"
    attributes = {"ApproximateReceiveCount": str(times)}
    one = {"messageId": str(uuid.uuid4()), "receiptHandle": "gone", "body": body, "attributes": attributes, "messageAttributes": {}}
    return {"Records": [one | {"eventSource": "aws:sqs", "eventSourceARN": queue, "awsRegion": cloud.REGION}]}


def unreadable(function):
    def journey(doors):
        """A record that nobody can read is to be tried again later."""
        doors.local.call(function, record(doors, function, "nothing that anybody can read"))

    return journey


def unreadable_for_the_last_time(function):
    def journey(doors):
        """A record that nobody can read becomes a dead letter with its reason."""
        doors.local.call(function, record(doors, function, "nothing that anybody can read", times=99))

    return journey


def invitation(doors):
    """An invitation is sent."""
    doors.local.send("battle_invitation", doors.local.person()[0])


def code(doors):
    """A code is sent."""
    doors.local.send("phone_verification", *doors.local.person())


def code_again(doors):
    """A code is said once more."""
    user, phone = doors.local.person()
    doors.local.send("phone_verification", user, phone)
    key = {"limit_id": f"code/{user}/{phone}"}
    limits, deadline = doors.table("LimitsTable"), time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and not (row := limits.get_item(Key=key, ConsistentRead=True).get("Item")):
        time.sleep(0.1)
    if row:
        earlier = [at - 31_000 for at in row["times"]]
        limits.update_item(Key=key, UpdateExpression="SET times = :earlier", ExpressionAttributeValues={":earlier": earlier})
        doors.local.send("phone_verification", user, phone)


def no_slot(doors):
    """A text waits for a slot that is far away."""
    key = {"limit_id": "pace/+18663448034"}
    limits = doors.table("LimitsTable")
    in_an_hour = int((time.time() + 3600) * 1e6)
    limits.put_item(Item=key | {"free_at": in_an_hour, "expires_at": int(time.time()) + 7200})
    invitation(doors)
    time.sleep(2)
    limits.delete_item(Key=key)


def help_(doors):
    """HELP is answered, with a link to the settings."""
    doors.texts_us(doors.local.person()[1], "HELP")


def stop(doors):
    """STOP is obeyed."""
    doors.texts_us(doors.local.person()[1], "STOP")


def plain_stop(doors):
    """"Please stop texting me" is confirmed, and then AWS's list has the number."""
    doors.texts_us(doors.local.person()[1], "Please stop texting me")


def afresh(function, journey):
    def cold(doors):
        doors.restart(function)
        journey(doors)

    cold.__doc__ = journey.__doc__.rstrip(".") + ", by a function that has just started."
    return cold


def stray_receipt(doors):
    """A receipt that does not say whose it is finds its message."""
    event = receipt()
    event.pop("context")
    doors.local.call("receipts", record(doors, "receipts", notification(event)))


def blocked(doors):
    """A phone that blocks us at its carrier is opted out."""
    # By a receipt of ours: AWS takes a number from its list once in thirty days, so that the number of the simulator that blocks us would do so only twice.
    if row := invited(doors):
        doors.local.call("receipts", record(doors, "receipts", notification(block(row))))


def invited(doors):
    """The row of an invitation that is settled."""
    user, _ = doors.local.person()
    doors.local.send("battle_invitation", user)
    return doors.row_of(user)


def block(row):
    about = {"context": {"message_id": row["message_id"]}, "destinationPhoneNumber": row["phone"]}
    return receipt() | about | {"eventType": "TEXT_BLOCKED", "messageStatus": "BLOCKED", "messageStatusDescription": BLOCKS_US}


def receipt():
    sample = (cloud.ROOT / "events" / "invoke" / "receipts.json").read_text()
    return json.loads(json.loads(json.loads(sample)["Records"][0]["body"])["Message"])


def notification(event):
    return json.dumps({"Type": "Notification", "MessageId": str(uuid.uuid4()), "Message": json.dumps(event), "Timestamp": "2026-11-22T10:00:02.345Z"})


def a_life(doors):
    """Somebody proves a number, agrees, looks at everything, stops, and leaves."""
    user, phone = f"door-{uuid.uuid4().hex[:12]}", number()
    path = f"/v1/users/{user}"
    token = (doors.call("POST", f"{path}/tokens", {})[1] or {}).get("token")
    doors.call("GET", f"{path}/preferences")
    started = doors.call("POST", f"{path}/verifications", {"phoneNumber": phone})[1]
    if started:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and not (texts := doors.received(phone)):
            time.sleep(0.1)
        said = re.search(r"code is: (\d{6})", "\n".join(texts))
        if said:
            doors.call("POST", f"{path}/verifications/check", {"verificationId": started["verificationId"], "code": said[1]})
    question = doors.call("GET", f"{path}/opt-in")[1] or {}
    version = (question.get("disclosure") or {}).get("version")
    doors.call("POST", f"{path}/opt-in", {"action": "opt_in", "disclosureVersion": version})
    doors.call("PATCH", f"{path}/preferences", {"timeZone": "America/Chicago"})
    time.sleep(1)  # the emulator's SNS knows whole seconds only, and what was said before the number was theirs is not theirs
    doors.texts_us(phone, "What is this?")
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and "What is this?" not in json.dumps(doors.call("GET", f"{path}/consent")[1]):
        time.sleep(0.1)
    for what in "consent", "messages", "opt-in":
        doors.call("GET", f"{path}/{what}")
    found = (doors.call("GET", f"{path}/messages")[1] or {}).get("messages") or [{"messageId": uuid.uuid4()}]
    doors.call("GET", f"/v1/messages/{found[0]['messageId']}")
    doors.call("GET", "/v1/costs")
    doors.call("POST", "/v1/explain", json.loads((cloud.ROOT / "events" / "phone_verification.json").read_text()))
    doors.call("GET", f"{path}/export")
    if token:
        doors.stop_on_the_page(token)
    doors.call("DELETE", path)


def release(doors):
    """A held text is released in the morning."""
    user, _ = doors.local.person()
    doors.held(user, 1)
    doors.reconcile()


def digest(doors):
    """Three held texts become one."""
    user, _ = doors.local.person()
    doors.held(user, 3)
    doors.reconcile()


def unwanted(doors):
    """A held text that nobody wants any more gives back what was reserved for it."""
    user, _ = doors.local.person()
    doors.held(user, 1)
    doors.local.recipients.update_item(Key={"user_id": user}, UpdateExpression="SET sms_enabled = :no", ExpressionAttributeValues={":no": False})
    doors.reconcile()


def lost(doors):
    """A text that no lane may have is found."""
    if row := invited(doors):
        five_minutes_ago = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - 300))
        doors.put_another(row, status="pending", updated_at=five_minutes_ago)
        doors.reconcile()


def ended_code(doors):
    """A code that nobody gave back comes to its end."""
    user, phone = doors.local.person()
    doors.local.send("phone_verification", user, phone)
    row = doors.row_of(user)
    if row:
        key = {"message_id": row["message_id"]}
        doors.messages.update_item(Key=key, UpdateExpression="SET due_at = :past, useful_until = :past", ExpressionAttributeValues={":past": PAST})
        key = {"verification_id": row["message_id"]}
        verifications = doors.table("VerificationsTable")
        verifications.update_item(Key=key, UpdateExpression="SET valid_until = :past", ExpressionAttributeValues={":past": PAST})
        doors.reconcile()


def comparison(doors):
    """AWS's opt-out list and ours are compared, and what is missing is ordered."""
    doors.local.simulator().put_opted_out_number(OptOutListName="Default", OptedOutNumber=number())
    doors.local.limits.delete_item(Key={"limit_id": "opt-out-comparison"})
    doors.reconcile(4)


# By statement: the journeys that need it.
LIVES = {
    "producer": {
        "TakeEvents": unreadable("producer"),
        "ReadPeopleAndOptOuts": invitation,
        "WriteMessages": (invitation, code),
        "CountAndReserve": (invitation, code),
        "MakeAndRepeatCodes": (code, code_again),
        "FillLanes": invitation,
        "SetAsideRecords": unreadable_for_the_last_time("producer"),
    },
    "sender": {
        "TakeJobs": unreadable("sender"),
        "WaitInLanes": no_slot,
        "ClaimAndSettleMessages": invitation,
        "ReadPeopleAndOptOuts": invitation,
        "PaceAndSettleBooks": invitation,
        "ReadVerifications": code,
        "ReadCodeSecret": afresh("sender", code),
        "SignLinksToThePreferencePage": afresh("sender", help_),
        "OrderOptOuts": plain_stop,
        "SetAsideRecords": unreadable_for_the_last_time("sender"),
    },
    "receipts": {
        "TakeReceipts": unreadable("receipts"),
        "FindMessages": stray_receipt,
        "SettleBooks": invitation,
        "SettleMessages": invitation,
        "OrderOptOuts": blocked,
        "SetAsideRecords": unreadable_for_the_last_time("receipts"),
    },
    "inbound": {
        "TakeReplies": unreadable("inbound"),
        "KeepReplies": stop,
        "OptOutAndIn": stop,
        "FindPeopleByPhone": stop,
        "ChangeConsent": stop,
        "AppendToConsentLedger": stop,
        "WriteAnswers": help_,
        "CountAndReserve": help_,
        "EnqueueAnswers": help_,
        "SetAsideRecords": unreadable_for_the_last_time("inbound"),
    },
    "api": {
        sid: a_life
        for sid in (
            "ReadAndChangePeople",
            "FindOthersWithANumber",
            "CheckOptOuts",
            "ReadAndAppendToConsentLedger",
            "SealConsentLedger",
            "FindMessages",
            "ReadWriteAndEraseMessages",
            "FindReplies",
            "EraseReplies",
            "MakeCheckExportAndEraseCodes",
            "CountAndEraseCodeRequests",
            "EnqueueCodesAndWelcomes",
            "OrderOptOuts",
        )
    }
    | {"ReadSecrets": afresh("api", a_life)},
    "reconciler": {
        "FindDueMessages": release,
        "SeeWhetherHeldTextsAreStillWanted": release,
        "FindWhatElseWaits": release,
        "SettleMessages": release,
        "WriteDigests": digest,
        "FillLanes": release,
        "SeeWhetherBulkLaneIsBusy": lost,
        "CloseEndedCodes": ended_code,
        "SeeWhetherDigestsMayGo": digest,
        "CompareOptOuts": comparison,
        "SettleBooks": (digest, unwanted),
        "RememberComparison": comparison,
        "OrderOptOuts": comparison,
    },
}

if __name__ == "__main__":
    cloud.run(main)
