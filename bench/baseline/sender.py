"""The sender: send jobs in, texts out."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ParamValidationError

import edge
import texts
from edge import Row, instant, moment, read_setting, setting

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

MESSAGES = setting("MESSAGES_TABLE")
RECIPIENTS = setting("RECIPIENTS_TABLE")
OPT_OUTS = setting("OPT_OUTS_TABLE")
LIMITS = setting("LIMITS_TABLE")
LANES = {"urgent": setting("URGENT_QUEUE_URL"), "bulk": setting("BULK_QUEUE_URL")}
INBOUND = os.environ.get("INBOUND_QUEUE_URL")

LINK_DOMAINS = edge.link_domains()
IDENTITIES = read_setting("ORIGINATION_IDENTITIES", texts.pairs)
CONFIGURATION_SET = setting("CONFIGURATION_SET")
PROTECT_CONFIGURATION = os.environ.get("PROTECT_CONFIGURATION_ID")
PRICES = read_setting("PRICES", texts.prices)
PARTS_PER_SECOND = read_setting("PARTS_PER_SECOND", int)
REQUESTS_PER_SECOND = read_setting("REQUESTS_PER_SECOND", int)
SENDING_HOURS = read_setting("SENDING_HOURS", texts.sending_hours) if setting("QUIET_HOURS") == "on" else None

LEASE = timedelta(seconds=60)
LONGEST_CALL = timedelta(seconds=5)
"""A second to connect, and the rest to answer."""
SHORTEST_LIFE = timedelta(seconds=5)
"""AWS's shortest TimeToLive: what is of use for less is not sent any more."""
BULK_AHEAD = timedelta(seconds=1)
RECIPIENT_GAP = timedelta(milliseconds=1100)
"""AWS takes one text a second to the same number. The tenth is for a call that is on its way a little longer than the next one."""
LONGEST_DELAY = timedelta(minutes=2)
CLOSED_FOR = timedelta(hours=1)
KEPT = timedelta(days=400)

# When the reconciler has to look at a text that took a status; for those not named here, never.
DUE_AFTER = {
    "pending": texts.LOST_AFTER,
    "sending": LEASE,
    "unknown": timedelta(seconds=30),
    "sent": timedelta(hours=73),
    "suppressed": timedelta(minutes=5),
    "expired": timedelta(minutes=5),
}

log = Logger(service="sender", level=edge.LOG_LEVEL)
dynamodb = edge.client("dynamodb")
provider = edge.client("pinpoint-sms-voice-v2", edge.ONCE)
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
# The texts of a batch wait for AWS side by side. As many threads as a batch has jobs, and as a client has connections.
threads = ThreadPoolExecutor(max_workers=10)
_making_a_client = threading.Lock()


@cache
def _sqs() -> Any:
    return edge.client("sqs")


def sqs() -> Any:
    """Only a text that has no slot or whose person opted out needs it, so no cold start waits for it."""
    with _making_a_client:
        return _sqs()


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    last = edge.now() + timedelta(milliseconds=context.get_remaining_time_in_millis()) - LONGEST_CALL
    sends = send_all(event["Records"], last)

    def outcome(record: SQSRecord) -> None:
        try:
            sends[record.message_id].result()
        except Exception as error:
            log.warning("will be tried again", extra={"record.id": record.message_id, "reason": _reason(error)})
            raise

    with processor(records=event["Records"], handler=outcome):
        processor.process()
    return dict(processor.response())


class TryLater(Exception):
    """The text surely did not go out because of this job, which is to come again."""


class Unreadable(ValueError):
    """The record is no job."""


def send_all(records: list[dict[str, Any]], last: datetime) -> dict[str, Future[None]]:
    """Sends the texts of a batch, each at its moment but none after `last`, and answers with what becomes of each record."""
    outcomes: dict[str, Future[None]] = {}
    jobs: dict[str, list[str]] = {}
    for record in records:
        try:
            jobs.setdefault(_message_id(record["body"]), []).append(record["messageId"])
        except Unreadable as error:
            outcomes[record["messageId"]] = _done(error)
    found, unread = edge.batch_get(dynamodb, {MESSAGES: ("message_id", set(jobs))})
    lanes: dict[tuple[str, str | None], list[Row]] = {}
    sends: dict[str, Future[None]] = {}
    for id_ in jobs:
        row = found[MESSAGES].get(id_)
        if not row:
            sends[id_] = _done(TryLater("DynamoDB did not get to this row" if id_ in unread else "the job's message has no row"))
        elif row["status"] != "pending":
            sends[id_] = threads.submit(_nothing_to_send, row)
        elif row["type"] not in texts.KINDS or "phone" not in row:
            sends[id_] = _done(TryLater("a text that this function cannot send"))
        else:
            lanes.setdefault((row["lane"], _identity(row)), []).append(row)
    for (lane, identity), rows in lanes.items():
        sends |= pace(lane, identity, rows, last)
    return outcomes | {record: sends[id_] for id_, same in jobs.items() for record in same}


def _message_id(body: str) -> str:
    try:
        job = json.loads(body)
        if job.keys() != {"message_id"}:
            raise Unreadable("not a send job")
        return str(UUID(job["message_id"]))
    except (ValueError, AttributeError, TypeError):
        raise Unreadable("not a send job") from None


def _done(error: Exception | None = None) -> Future[None]:
    done: Future[None] = Future()
    done.set_exception(error) if error else done.set_result(None)
    return done


def _identity(row: Row) -> str | None:
    """Who texts a number: of several always the same, also when others join them, so that a conversation has one number."""
    ours = [identity for country, identity in IDENTITIES if country == row.get("country")]
    return max(ours, key=lambda identity: hashlib.sha256(f"{identity} {row['phone']}".encode()).digest(), default=None)


def _nothing_to_send(row: Row) -> None:
    log.info("nothing to send", extra={"message.id": row["message_id"], "message.status": row["status"]})
    # A sender may have died between its last word and the books.
    if row["status"] in ("failed", "suppressed", "expired"):
        settle(row)


def pace(lane: str, identity: str | None, rows: list[Row], last: datetime) -> dict[str, Future[None]]:
    """Gives each text to a thread with its slot. Those whose slots are too far off go back to the lane as new jobs: waiting costs them no try."""
    if not identity:
        return {row["message_id"]: threads.submit(send, row, None, edge.now(), last) for row in rows}
    sends: dict[str, Future[None]] = {}
    try:
        while rows:
            now = edge.now()
            patience = last - now
            slots, wait = book(identity, [_takes(row) for row in rows], min(patience, BULK_AHEAD) if lane == "bulk" else patience, now)
            for row, slot in zip(rows, slots, strict=False):
                sends[row["message_id"]] = threads.submit(send, row, identity, slot, last)
            rows = rows[len(slots) :]
            if rows and wait >= patience:
                return sends | _put_back(lane, rows, wait)
            if rows:
                time.sleep(wait.total_seconds())
    except (BotoCoreError, ClientError) as error:
        return sends | {row["message_id"]: _done(error) for row in rows}
    return sends


def _takes(row: Row) -> timedelta:
    """The time that a text takes up: that of its parts, or that of its call if this is longer."""
    parts = row.get("parts", texts.KINDS[row["type"]].parts)
    return max(timedelta(seconds=parts / PARTS_PER_SECOND), timedelta(seconds=1 / REQUESTS_PER_SECOND))


_free_at: dict[str, int] = {}
"""What was last seen of each identity, in epoch microseconds: a guess, which the write makes sure of."""


def book(identity: str, times: list[timedelta], ahead: timedelta, now: datetime) -> tuple[list[datetime], timedelta]:
    """The slots of the first texts, as many as end within `ahead`, and how long the next one has to wait. GCRA, by one write a batch.

    One write more for each booking that somebody else got in between.
    """
    free_at, certain = _free_at.get(identity), False
    while True:
        starts, end, wait = _fit(free_at, times, ahead, now)
        if not starts and (certain or free_at is None):
            return [], wait
        if not starts:
            # The guess may be too old: without it the write says how things are.
            free_at = None
            continue
        other = _set_free_at(f"pace/{identity}", free_at, end, now)
        if other is None:
            _free_at[identity] = end
            return starts, wait
        free_at, certain = other, True


def _fit(free_at: int | None, times: list[timedelta], ahead: timedelta, now: datetime) -> tuple[list[datetime], int, timedelta]:
    begins = max(edge.from_micros(free_at), now) if free_at else now
    starts: list[datetime] = []
    for takes in times:
        over = begins + takes - now - max(ahead, takes)
        if over > timedelta():
            return starts, edge.micros(begins), over
        starts.append(begins)
        begins += takes
    return starts, edge.micros(begins), timedelta()


def _set_free_at(limit_id: str, before: int | None, after: int, now: datetime) -> int | None:
    """Books until `after`, if nothing is booked but what was seen before, or if that is over. Answers with what is booked instead, if it is not so."""
    known = before is not None and before > edge.micros(now)
    values = {":before": before if known else edge.micros(now), ":after": after, ":forget": after // 1_000_000 + 3600}
    try:
        dynamodb.update_item(
            TableName=LIMITS,
            Key={"limit_id": {"S": limit_id}},
            UpdateExpression="SET free_at = :after, expires_at = :forget",
            ConditionExpression="free_at = :before" if known else "attribute_not_exists(free_at) OR free_at <= :before",
            ExpressionAttributeValues=edge.item(values),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return edge.value(error.response["Item"]["free_at"])
    return None


def await_turn(phone: str, last: datetime) -> timedelta | None:
    """Waits until the number may be texted again; answers with the wait if that is too long."""
    while True:
        now = edge.now()
        free_at = _set_free_at(f"to/{phone}", None, edge.micros(now + RECIPIENT_GAP), now)
        if free_at is None:
            return None
        wait = max(edge.from_micros(free_at) - now, timedelta())
        if now + wait >= last:
            return wait
        time.sleep(wait.total_seconds())


def _put_back(lane: str, rows: list[Row], wait: timedelta) -> dict[str, Future[None]]:
    seconds = min(wait, LONGEST_DELAY) // timedelta(seconds=1) + 1
    log.info("wait in their lane for a slot", extra={"texts": len(rows), "seconds": seconds})
    entries = [{"Id": row["message_id"], "MessageBody": edge.job(row["message_id"]), "DelaySeconds": seconds} for row in rows]
    answer = sqs().send_message_batch(QueueUrl=LANES[lane], Entries=entries)
    failed = {entry["Id"] for entry in answer.get("Failed", [])}
    return {row["message_id"]: _done(TryLater("no slot, and no way back to the lane") if row["message_id"] in failed else None) for row in rows}


class Answer(NamedTuple):
    """What became of a call: the text is `sent`, or refused for good (`failed`), or surely not accepted (`pending`), or nobody can tell (`unknown`)."""

    status: str
    detail: str
    """The provider's id of an accepted text, else the reason."""


@dataclass(slots=True)
class Claim:
    """A text that this process, and no other, may send."""

    row: Row
    attempt: int


class Verdict(NamedTuple):
    """Why a claimed text is not sent after all."""

    status: str
    why: str
    release_at: datetime | None = None
    erased: bool = False


def send(row: Row, identity: str | None, slot: datetime, last: datetime) -> None:
    """Sends a text at its slot, unless somebody else has it.

    What it raises says that the text surely did not go out because of this call. A text that may have gone out is no error.
    """
    if (early := (slot - edge.now()).total_seconds()) > 0:
        time.sleep(early)
    if edge.now() > last:
        raise TryLater("too little time left for a call")
    wait = await_turn(row["phone"], last)
    if wait is not None:
        return _put_back(row["lane"], [row], wait)[row["message_id"]].result()
    claim = claimed(row)
    if not claim:
        return None
    try:
        found = look_again(claim.row)
    except Exception:
        conclude(claim, "pending", {})
        raise
    if isinstance(found, texts.Text):
        return write_down(claim, found, call(claim.row, identity, found))
    later = {"release_at": moment(found.release_at)} if found.release_at else {}
    conclude(claim, found.status, {"delivery_detail": found.why} | later)
    if found.erased:
        strip(claim.row)
    return None


def claimed(row: Row) -> Claim | None:
    """One conditional write, `pending` to `sending`: who wins it may call AWS until the lease ends."""
    lease = {"lease_until": moment(edge.now() + LEASE)}
    try:
        counted = update(row["message_id"], lease, "#status = :pending", {":pending": "pending"}, enter="sending", count=True)
    except Lost as lost:
        log.info("nothing to send", extra={"message.id": row["message_id"], "message.status": lost.row.get("status")})
        return None
    return Claim(row, counted["attempts"])


def look_again(row: Row) -> texts.Text | Verdict:
    """What held when the row was written may hold no more: the person may have opted out, or be gone, the moment may be past. One read."""
    kind, now = texts.KINDS[row["type"]], edge.now()
    found, unread = edge.batch_get(dynamodb, {OPT_OUTS: ("phone", {row["phone"]}), RECIPIENTS: ("user_id", {row["user_id"]})})
    if unread:
        raise TryLater("DynamoDB did not get to the opt-out or the person")
    erasures = found[RECIPIENTS].get(row["user_id"], {}).get("erasures")
    if erasures and row["created_at"] <= erasures[-1]["at"]:
        return Verdict("suppressed", "the person was erased", erased=True)
    opt_out = found[OPT_OUTS].get(row["phone"])
    if opt_out and (why := texts.blocks(opt_out, kind)):
        return Verdict("suppressed", why)
    useful_until = instant(row["useful_until"])
    if useful_until < now + SHORTEST_LIFE:
        return Verdict("expired", "of no use any more when its turn came")
    if SENDING_HOURS and not kind.transactional and (places := texts.zones(row["phone"], row.get("time_zone"))):
        slot = texts.slot(row["message_id"], row["phone"], places, SENDING_HOURS, useful_until, now)
        if slot.when == "at":
            return Verdict("held", "quiet hours began while it waited", slot.at)
        if slot.when == "late":
            return Verdict("expired", "of no use any more when its turn came")
    if kind.name != "battle_reminder" and "body" in row:
        return texts.Text(row["body"], row["encoding"], row["parts"])
    # A reminder says what is left now.
    try:
        return texts.render(kind, row["data"], LINK_DOMAINS, now)
    except texts.Unfit as why:
        return Verdict("failed", str(why))


def call(row: Row, identity: str | None, text: texts.Text) -> Answer:
    """Calls SendTextMessage, once."""
    if not identity:
        return Answer("failed", f"no origination identity for {row.get('country')}")
    left = (instant(row["useful_until"]) - edge.now()) // timedelta(seconds=1)
    tens = (PRICES.get(row.get("country"), 0) * text.parts + 9) // 10
    request = {
        "DestinationPhoneNumber": row["phone"],
        "OriginationIdentity": identity,
        "MessageBody": text.body,
        "MessageType": row["class"].upper(),
        "ConfigurationSetName": CONFIGURATION_SET,
        "MaxPrice": f"{tens // 100_000}.{tens % 100_000:05}",
        "TimeToLive": min(max(left, 5), 259_200),
        "Context": {"message_id": row["message_id"]},
    }
    if PROTECT_CONFIGURATION:
        request["ProtectConfigurationId"] = PROTECT_CONFIGURATION
    try:
        id_ = provider.send_text_message(**request).get("MessageId")
    except ClientError as error:
        return refusal(error.response)
    except (EndpointConnectionError, ConnectTimeoutError):
        return Answer("pending", "no connection")
    except (NoCredentialsError, ParamValidationError):
        return Answer("pending", "the request could not be built or signed")
    except BotoCoreError as error:
        # Time-outs, broken connections, unreadable answers.
        return Answer("unknown", type(error).__name__)
    return Answer("sent", id_) if id_ else Answer("unknown", "accepted without a MessageId")


def refusal(response: dict[str, Any]) -> Answer:
    """What an exception of AWS means. By its reason, never by its text: AWS promises the former."""
    code, reason = response["Error"]["Code"], response.get("Reason")
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    match code:
        case "ThrottlingException":
            return Answer("pending", code)
        case "ConflictException" | "ServiceQuotaExceededException":
            return Answer("failed", reason or code)
        case "ValidationException":
            fields = ", ".join(field["Name"] for field in response.get("Fields", []))
            return Answer("failed", f"{reason or code}: {fields}" if fields else reason or code)
        case "ResourceNotFoundException":
            return Answer("failed", f"no such {response['ResourceType']}" if "ResourceType" in response else code)
        case "AccessDeniedException":
            # With a reason it is the account's standing; without one it is our own role, which a deployment can mend.
            return Answer("failed", reason) if reason else Answer("pending", code)
        case "InternalServerException":
            return Answer("unknown", code)
    # Only a clear no is a no.
    return Answer("pending" if 400 <= status < 500 and status != 408 else "unknown", code)


def write_down(claim: Claim, text: texts.Text, answer: Answer) -> None:
    """Writes the outcome of the call. If that fails the row stays `sending`: no sender sends it again."""
    row, country = claim.row, claim.row.get("country", "")
    notes = {"body": text.body, "parts": text.parts, "encoding": text.encoding, "estimated_price": PRICES.get(country, 0) * text.parts}
    if answer.status == "sent":
        accepted(claim, notes | {"provider_message_id": answer.detail})
        return
    if answer.status == "pending":
        conclude(claim, "pending", {"delivery_detail": answer.detail})
        raise TryLater(answer.detail)
    if answer.detail == "DESTINATION_PHONE_NUMBER_OPTED_OUT" and INBOUND:
        order = {"blocked": {"phone": row["phone"], "reason": answer.detail, "at": moment(edge.now())}}
        sqs().send_message(QueueUrl=INBOUND, MessageBody=json.dumps(order))
    if answer.detail == "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT":
        close_the_budget()
    conclude(claim, answer.status, notes | {"delivery_detail": answer.detail})


class Lost(Exception):
    """The row is not such that it can change so: it is in other hands, or settled."""

    def __init__(self, row: Row):
        super().__init__()
        self.row = row


def update(message_id: str, notes: Row, condition: str, values: Row, *, enter: str | None = None, count: bool = False) -> Row:
    """One conditional write: `notes`, and, to `enter` a status, that, its place in the history, and when the row is due next. Answers with what it counted."""
    now = edge.now()
    set_ = notes | {"updated_at": moment(now)}
    names, clauses = {"#status": "status"}, ""
    if enter:
        due = notes.get("release_at") or (moment(now + DUE_AFTER[enter]) if enter in DUE_AFTER else None)
        set_ |= {"status": enter} | ({"due_at": due} if due else {})
        values = values | {":change": [{"status": enter, "at": moment(now)}]}
        clauses = ", changes = list_append(changes, :change)" + ("" if due else " REMOVE due_at")
    if count:
        values = values | {":one": 1}
        clauses += " ADD attempts :one"
    try:
        answer = dynamodb.update_item(
            TableName=MESSAGES,
            Key={"message_id": {"S": message_id}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in set_) + clauses,
            ConditionExpression=condition,
            ExpressionAttributeNames=names | {f"#{name}": name for name in set_},
            ExpressionAttributeValues=edge.item(values | {f":{name}": value for name, value in set_.items()}),
            ReturnValues="UPDATED_NEW" if count else "NONE",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        raise Lost(edge.row(error.response.get("Item", {}))) from None
    return edge.row(answer.get("Attributes", {}))


MINE = "#status = :sending AND attempts = :attempt"


def conclude(claim: Claim, status: str, notes: Row) -> None:
    """Ends a claim. Of a text that reaches nobody everything that was reserved is given back."""
    row = claim.row
    try:
        update(row["message_id"], notes, MINE, {":sending": "sending", ":attempt": claim.attempt}, enter=status)
    except Lost:
        log.warning("came too late: the row is settled already", extra={"message.id": row["message_id"], "message.status": status})
        return
    log.info("settled", extra={"message.id": row["message_id"], "message.kind": row["type"], "message.status": status})
    if status in ("failed", "suppressed", "expired"):
        settle(row)


def accepted(claim: Claim, notes: Row) -> None:
    """AWS has it. If a receipt overtook this note, the status stays what the receipt made it, and the rest is still written down."""
    row = claim.row
    try:
        update(row["message_id"], notes, MINE, {":sending": "sending", ":attempt": claim.attempt}, enter="sent")
    except Lost as lost:
        update(row["message_id"], notes, "#status = :as_seen", {":as_seen": lost.row["status"]})
    log.info("sent", extra={"message.id": row["message_id"], "message.kind": row["type"], "message.status": "sent"})


def strip(row: Row) -> None:
    """Takes out of the row of an erased person all that is personal; what kind of text it was, and that nobody got it, stays."""
    personal = ["user_id", "phone", "phone_masked", "body", "source", "event_id", "related", "time_zone", "delivery_detail"]
    kept = {"data": texts.blank(texts.KINDS[row["type"]], row["data"]), "gates": [{"gate": step["gate"], "verdict": step["verdict"]} for step in row["gates"]]}
    set_ = kept | {"reserved": {name: value for name, value in row.get("reserved", {}).items() if name != "day"}, "erased_at": moment(edge.now())}
    dynamodb.update_item(
        TableName=MESSAGES,
        Key={"message_id": {"S": row["message_id"]}},
        UpdateExpression=f"SET {', '.join(f'#{name} = :{name}' for name in set_)} REMOVE {', '.join(f'#{name}' for name in personal)}",
        ExpressionAttributeNames={f"#{name}": name for name in [*set_, *personal]},
        ExpressionAttributeValues=edge.item({f":{name}": value for name, value in set_.items()}),
    )


def settle(row: Row) -> None:
    """Gives back what was reserved for a text that reached nobody: the money once, by a mark in its row, and its place under the caps."""
    reserved = row.get("reserved")
    if not reserved or "settled" in row:
        return
    id_, forget = row["message_id"], {"N": str(int((edge.now() + KEPT).timestamp()))}
    if "day" in reserved:
        values = {":ids": {"SS": [id_]}}
        _if_there(f"day/{reserved['day']}/{row['user_id']}", "DELETE ids :ids", "attribute_exists(ids)", ExpressionAttributeValues=values)
    _if_there(
        f"hours/{row['phone']}",
        "REMOVE texts.#id ADD revision :one",
        "attribute_exists(texts.#id)",
        ExpressionAttributeNames={"#id": id_},
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    mark = {
        "TableName": MESSAGES,
        "Key": {"message_id": {"S": id_}},
        "UpdateExpression": "SET settled = :nothing REMOVE due_at",
        "ConditionExpression": "attribute_exists(message_id) AND attribute_not_exists(settled)",
        "ExpressionAttributeValues": {":nothing": {"N": "0"}},
    }
    book = {
        "TableName": LIMITS,
        "Key": {"limit_id": {"S": f"budget/{reserved['month']}"}},
        "UpdateExpression": f"SET expires_at = :forget ADD committed :back, {row['class']} :back",
        "ExpressionAttributeValues": {":back": {"N": str(-reserved["amount"])}, ":forget": forget},
    }
    try:
        dynamodb.transact_write_items(TransactItems=[{"Update": mark}, {"Update": book}])
    except ClientError as error:
        if error.response.get("CancellationReasons", [{}])[0].get("Code") != "ConditionalCheckFailed":
            raise


def _if_there(limit_id: str, expression: str, condition: str, **more: Any) -> None:
    try:
        dynamodb.update_item(TableName=LIMITS, Key={"limit_id": {"S": limit_id}}, UpdateExpression=expression, ConditionExpression=condition, **more)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def close_the_budget() -> None:
    """AWS says that its own limit for the month is reached: nothing is admitted for a while."""
    log.error("AWS's monthly spend limit is reached: nothing is admitted for an hour")
    now = edge.now()
    dynamodb.update_item(
        TableName=LIMITS,
        Key={"limit_id": {"S": f"budget/{now:%Y-%m}"}},
        UpdateExpression="SET closed_until = :until, expires_at = :forget",
        ExpressionAttributeValues=edge.item({":until": edge.millis(now + CLOSED_FOR), ":forget": int((now + KEPT).timestamp())}),
    )


def _reason(error: Exception) -> str:
    """Our own words as they are; of others their kind alone, since what they say may have people's data in it."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"]
    return str(error) if isinstance(error, TryLater | Unreadable) else type(error).__name__
