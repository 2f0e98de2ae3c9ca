"""The producer: events in, decided rows and send jobs out."""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from botocore.exceptions import BotoCoreError, ClientError

import edge
import texts
from edge import Row, instant, millis, moment, read_setting, setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

MESSAGES = setting("MESSAGES_TABLE")
RECIPIENTS = setting("RECIPIENTS_TABLE")
OPT_OUTS = setting("OPT_OUTS_TABLE")
LIMITS = setting("LIMITS_TABLE")
LANES = {"urgent": setting("URGENT_QUEUE_URL"), "bulk": setting("BULK_QUEUE_URL")}

LINK_DOMAINS = edge.link_domains()
PRICES = read_setting("PRICES", texts.prices)
SENDING_HOURS = read_setting("SENDING_HOURS", texts.sending_hours) if setting("QUIET_HOURS") == "on" else None
DAILY_CAP = read_setting("DAILY_CAP", int)
HOURLY_CAP = read_setting("HOURLY_CAP", int)
HOURLY_CAP_SAME = read_setting("HOURLY_CAP_SAME", int)
MONTHLY_BUDGET = read_setting("MONTHLY_BUDGET", int)
CLASS_BUDGETS = {each: read_setting(f"{each.upper()}_BUDGET", int) for each in ("promotional", "transactional") if os.environ.get(f"{each.upper()}_BUDGET")}
KEPT_PERCENT = read_setting("KEPT_FOR_TRANSACTIONAL", int)

ONLINE_FOR = timedelta(minutes=5)
HOUR = timedelta(hours=1)
KEPT = timedelta(days=400)
DAY_KEPT = timedelta(hours=96)
TRIES = 12

log = Logger(service="producer", level=edge.LOG_LEVEL)
dynamodb = edge.client("dynamodb")
sqs = edge.client("sqs")
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
# The events of a batch wait for DynamoDB side by side. As many threads as a batch has records, and as a client has connections.
threads = ThreadPoolExecutor(max_workers=10)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    idempotency.register_lambda_context(context)
    batch = Batch.read(event["Records"])
    admissions = {id_: threads.submit(batch.admit, wanted) for id_, wanted in batch.wanted.items()}
    jobs: dict[str, Job] = {}

    def outcome(record: SQSRecord) -> None:
        """Says what became of one record; what it raises brings the record back."""
        try:
            wanted = batch.event(record)
            admission = admissions[wanted.message_id].result()
        except Exception as error:
            log.warning("will be tried again", extra={"record.id": record.message_id, "reason": _reason(error)})
            raise
        # A repeat leaves the job to the record that came first. Unless it is that record, and died before its job was on the lane.
        if admission["status"] == "pending" and not (admission.get("replayed") and _times(record) == 1):
            jobs[wanted.message_id] = Job(wanted.kind.lane, record.message_id)

    with processor(records=event["Records"], handler=outcome):
        processor.process()
    failures = [*processor.response()["batchItemFailures"], *enqueue(jobs)]
    return {"batchItemFailures": failures}


class Unreadable(ValueError):
    """Why a record is no event of ours: what is wrong and where, and nothing of what it said."""


NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://allthrive.ai/sms/events")
ENVELOPE = {"specversion", "id", "source", "type", "data"}
ALLOWED = ENVELOPE | {"time", "expirytime", "datacontenttype", "subject", "dataschema", "traceparent", "tracestate"}


@dataclass(frozen=True, slots=True)
class Event:
    """A wish of the main app that a person be texted."""

    source: str
    id: str
    kind: texts.Kind
    user_id: str
    data: texts.Data
    related: dict[str, str] | None
    expirytime: datetime | None
    message_id: str

    @classmethod
    def parse(cls, body: str) -> Event:
        envelope = _json(body)
        if not isinstance(envelope, dict) or not ENVELOPE <= envelope.keys() <= ALLOWED:
            raise Unreadable("an attribute of the event is missing, or one is none of ours")
        if envelope["specversion"] != "1.0":
            raise Unreadable('specversion: must be "1.0"')
        source, id_ = (_text(envelope, name, 256) for name in ("source", "id"))
        for name in ("datacontenttype", "subject", "dataschema", "traceparent", "tracestate"):
            if not isinstance(envelope.get(name), str | None):
                raise Unreadable(f"{name}: expected a string")
        content_type = envelope.get("datacontenttype")
        if content_type is not None and not content_type.startswith("application/json"):
            raise Unreadable("datacontenttype: must be application/json")
        kind = _kind(envelope["type"])
        _, expirytime = (_instant(envelope.get(name), name) for name in ("time", "expirytime"))
        data = _data(envelope["data"], kind)
        user_id, related = data.pop("user_id"), data.pop("related", None)
        return cls(source, id_, kind, user_id, data, related, expirytime, str(uuid.uuid5(NAMESPACE, f"{source}\n{id_}")))


def _json(body: str) -> Any:
    def no_key_twice(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(read := dict(found)) != len(found):
            raise Unreadable("a key comes twice in an object")
        return read

    def no_number(_: str) -> None:
        raise Unreadable("not JSON")

    try:
        return json.loads(body, object_pairs_hook=no_key_twice, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("not JSON") from None


def _kind(type_: Any) -> texts.Kind:
    name = type_[18:-3] if isinstance(type_, str) and type_.startswith("com.allthrive.sms.") and type_.endswith(".v1") else ""
    if name not in texts.KINDS:
        raise Unreadable("type: none of the event types that this function knows")
    return texts.KINDS[name]


def _data(data: Any, kind: texts.Kind) -> texts.Data:
    required = {"user_id", *kind.fields} - set(kind.optional)
    if not isinstance(data, dict) or not required <= data.keys() <= {"user_id", "related", *kind.fields}:
        raise Unreadable("data: a field is missing, or one is none of ours")
    if any(c.isspace() for c in _text(data, "user_id", 128)):
        raise Unreadable("data.user_id: expected 1 to 128 printable characters without spaces")
    for name, wanted in kind.fields.items():
        if wanted is datetime:
            _instant(data.get(name), f"data.{name}", optional=name in kind.optional)
        elif wanted is int and not (type(data[name]) is int and 0 <= data[name] < 2**32):
            raise Unreadable(f"data.{name}: expected a whole number")
        elif wanted is str:
            _string(data[name], f"data.{name}")
    if "alert" in kind.fields and data["alert"] not in texts.ALERTS:
        raise Unreadable("data.alert: none of the alerts")
    if "related" in data:
        related = data["related"]
        if not isinstance(related, dict) or related.keys() != {"type", "id"}:
            raise Unreadable("data.related: expected type and id")
        for name, text in related.items():
            _string(text, f"data.related.{name}")
    return {name: value for name, value in data.items() if value is not None}


def _text(found: dict[str, Any], name: str, most: int) -> str:
    text = _string(found[name], name)
    if not 1 <= len(text) <= most or any(c < " " or "\x7f" <= c <= "\x9f" for c in text):
        raise Unreadable(f"{name}: must have 1 to {most} characters and no control character")
    return text


def _string(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise Unreadable(f"{name}: expected a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unreadable(f"{name}: has half a surrogate pair") from None
    return value


def _instant(value: Any, name: str, *, optional: bool = True) -> datetime | None:
    if value is None and optional:
        return None
    try:
        return instant(value)
    except (TypeError, ValueError):
        raise Unreadable(f"{name}: expected an RFC 3339 instant") from None


@dataclass(slots=True)
class Books:
    """Rows of the limits table: texts of a user's day, of a number's last hours, and the month's money. What was not read counts as nothing."""

    rows: dict[str, Row] = field(default_factory=dict)

    def day(self, key: str) -> set[str]:
        return self.rows.get(key, {}).get("ids", set())

    def hours(self, phone: str) -> Row:
        key = f"hours/{phone}"
        return self.rows.get(key, {"limit_id": key, "revision": 0, "texts": {}, "expires_at": 0})

    def spent(self, month: str) -> Row:
        return self.rows.get(f"budget/{month}", {})

    def count(self, row: Row, hours: Row) -> None:
        """Counts a text that was just admitted, so that the next one of its batch meets it."""
        reserved, text_class = row["reserved"], row["class"]
        spent = self.rows.setdefault(f"budget/{reserved['month']}", {})
        for name in ("committed", text_class):
            spent[name] = spent.get(name, 0) + reserved["amount"]
        if "day" in reserved:
            day = self.rows.setdefault(_day_key(row["user_id"], reserved["day"]), {})
            day["ids"] = day.get("ids", set()) | {row["message_id"]}
        self.rows[hours["limit_id"]] = hours


def _day_key(user_id: str, day: str) -> str:
    return f"day/{day}/{user_id}"


def _month(at: datetime) -> str:
    return f"{at:%Y-%m}"


def _words(body: str) -> str:
    """What tells the words of a text from others, and gives none of them away."""
    return hashlib.sha256(body.encode()).hexdigest()[:16]


class Ruling(NamedTuple):
    """A gate's word, unless it lets the text pass."""

    verdict: str
    detail: str
    status: str | None = None
    """What the text becomes."""


def skip(why: str) -> Ruling:
    """Go on: this kind of text does not meet this gate."""
    return Ruling("skip", why)


def refuse(why: str, status: str = "suppressed") -> Ruling:
    return Ruling("fail", why, status)


class Case:
    """An event and all that decides about it. A gate is a method: it answers with its ruling, or nothing if the text may pass."""

    GATES = (
        "recipient",
        "phone_verified",
        "country",
        "opt_out",
        "consent",
        "master_switch",
        "category",
        "offline",
        "expiry",
        "content",
        "quiet_hours",
        "user_daily_cap",
        "carrier_hourly_cap",
        "budget",
    )

    def __init__(self, event: Event, person: Row, opt_out: Row | None, books: Books, now: datetime):
        self.event, self.kind = event, event.kind
        self.person, self.opt_out_row = person, opt_out
        self.books, self.now = books, now
        self.data = texts.harmless(event.kind, event.data)
        self.phone: str = person.get("phone", "")
        self.time_zone: str | None = person.get("time_zone")
        self.useful_until = _end(event, now)
        self.slot = _slot(event, person, now)
        self.goes_at = self.slot.at if self.slot and self.slot.when == "at" else now
        self.text: texts.Text | None = None

    def decide(self) -> Row:
        """The row of the event: `pending` or `held` if all gates let it through, else `suppressed` or `expired` with the gate that said no."""
        gates = [{"gate": "schema", "verdict": "pass"}, {"gate": "duplicate", "verdict": "pass"}]
        status = "pending"
        for gate in self.GATES:
            ruling: Ruling | None = getattr(self, gate)()
            if not ruling:
                gates.append({"gate": gate, "verdict": "pass"})
                continue
            gates.append({"gate": gate, "verdict": ruling.verdict, "detail": ruling.detail})
            status = ruling.status or status
            if ruling.verdict == "fail":
                break
        return self.row(status, gates)

    def recipient(self) -> Ruling | None:
        if not self.person:
            return refuse("no such recipient: nobody ever saved preferences for this user")
        if self.person.get("erased"):
            return refuse("the recipient was erased")
        if not self.phone:
            return refuse("the recipient has no phone number")
        return None

    def phone_verified(self) -> Ruling | None:
        if "phone_verified_at" not in self.person:
            return refuse("the number was never verified")
        return None

    def country(self) -> Ruling | None:
        country = texts.country(self.phone)
        if not country:
            return refuse("the number's prefix belongs to no country")
        if country not in PRICES:
            return refuse(f"texts to {country} are not allowed")
        return None

    def opt_out(self) -> Ruling | None:
        if self.opt_out_row and (why := texts.blocks(self.opt_out_row, self.kind)):
            return refuse(why)
        return None

    def consent(self) -> Ruling | None:
        consent = self.person.get("consent")
        if not consent:
            return refuse("consent was never given")
        if "revoked_at" in consent:
            return refuse(f"consent was revoked at {consent['revoked_at']}")
        if consent["phone"] != self.phone:
            return refuse("consent was given for another number")
        return None

    def master_switch(self) -> Ruling | None:
        if self.kind.transactional:
            return skip("always sent")
        if not self.person.get("sms_enabled"):
            return refuse("texts are switched off")
        return None

    def category(self) -> Ruling | None:
        if not self.kind.category:
            return skip("has no switch of its own")
        if not self.person.get(self.kind.category):
            return refuse(f"{self.kind.category} is switched off")
        return None

    def offline(self) -> Ruling | None:
        if self.kind.name != "direct_message":
            return skip("for direct messages only")
        seen = self.data.get("recipient_last_seen_at")
        if seen and instant(seen) > self.now - ONLINE_FOR:
            return refuse(f"seen in the app at {moment(instant(seen))}, less than 5 minutes ago")
        return None

    def expiry(self) -> Ruling | None:
        if self.useful_until <= self.now:
            return refuse(f"of no use since {moment(self.useful_until)}", "expired")
        return None

    def content(self) -> Ruling | None:
        try:
            self.text = texts.render(self.kind, self.data, LINK_DOMAINS, self.now)
        except texts.Unfit as why:
            return refuse(str(why))
        return None

    def quiet_hours(self) -> Ruling | None:
        if self.kind.transactional:
            return skip("sent at any hour")
        if not SENDING_HOURS:
            return skip("quiet hours are switched off")
        if not self.slot:
            return refuse("nobody knows what time it is there: the recipient has no time zone")
        where = ", ".join(zone.key for zone in texts.zones(self.phone, self.time_zone))
        if self.slot.when == "at":
            return Ruling("hold", f"quiet hours in {where}: held until {moment(self.slot.at)}", "held")
        if self.slot.when == "late":
            end = moment(self.useful_until)
            return refuse(f"quiet hours in {where} until {moment(self.slot.at)}, and of no use after {end}", "expired")
        if self.slot.when == "never":
            return refuse(f"at no hour of the day may texts be sent to {where}")
        return None

    def user_daily_cap(self) -> Ruling | None:
        if self.kind.transactional:
            return skip("for promotional texts only")
        today = len(self.books.day(_day_key(self.event.user_id, self.day)))
        if today >= DAILY_CAP:
            return refuse(f"{today} promotional texts on {self.day} already")
        return None

    def carrier_hourly_cap(self) -> Ruling | None:
        at, words = millis(self.goes_at), _words(self.text.body) if self.text else None
        near = [each for each in self.books.hours(self.phone)["texts"].values() if abs(each["at"] - at) < 3_600_000]
        same = sum(each.get("words") == words for each in near)
        if len(near) >= HOURLY_CAP:
            return refuse(f"{len(near)} texts to this number within an hour")
        if same >= HOURLY_CAP_SAME:
            return refuse(f"{same} texts with the same words to this number within an hour")
        return None

    def budget(self) -> Ruling | None:
        spent, text_class = self.books.spent(_month(self.goes_at)), self.kind.text_class
        if (until := spent.get("closed_until", 0)) > millis(self.now):
            return refuse(f"AWS's own monthly spend limit is reached: tried again after {moment(edge.from_micros(until * 1000))}")
        committed, monthly = spent.get("committed", 0), _monthly(spent)
        if committed + self.price > _ceiling(text_class, monthly):
            return refuse(f"{_usd(committed)} of this month's {_usd(monthly)} are spent or reserved: {_usd(self.price)} are too much")
        most, by_class = CLASS_BUDGETS.get(text_class), spent.get(text_class, 0)
        if most is not None and by_class + self.price > most:
            return refuse(f"{_usd(by_class)} of this month's {_usd(most)} for {text_class} texts are spent or reserved")
        return None

    @property
    def day(self) -> str:
        return texts.local_day(texts.zones(self.phone, self.time_zone), self.goes_at)

    @property
    def price(self) -> int:
        return PRICES.get(texts.country(self.phone) or "", 0) * (self.text.parts if self.text else 0)

    def row(self, status: str, gates: list[Row]) -> Row:
        event, at = self.event, moment(self.now)
        row = {
            "message_id": event.message_id,
            "user_id": event.user_id,
            "type": self.kind.name,
            "data": self.data,
            "class": self.kind.text_class,
            "lane": self.kind.lane,
            "locale": "en",
            "status": status,
            "changes": [{"status": status, "at": at}],
            "gates": gates,
            "attempts": 0,
            "source": event.source,
            "event_id": event.id,
            "related": event.related,
            "time_zone": self.time_zone,
            "useful_until": moment(self.useful_until),
            "created_at": at,
            "updated_at": at,
            "expires_at": int((self.now + KEPT).timestamp()),
            "due": texts.shard(event.message_id, self.kind.lane),
        }
        if self.phone:
            row |= {"phone": self.phone, "phone_masked": texts.masked(self.phone), "country": texts.country(self.phone)}
        if self.text:
            row |= {"body": self.text.body, "parts": self.text.parts, "encoding": self.text.encoding, "estimated_price": self.price}
        if status in ("pending", "held"):
            row["reserved"] = {"amount": self.price, "month": _month(self.goes_at)} | ({} if self.kind.transactional else {"day": self.day})
            row["due_at"] = moment(self.now + texts.LOST_AFTER)
        if status == "held":
            row["release_at"] = row["due_at"] = moment(self.goes_at)
        return _stripped(row, self.kind) if self.person.get("erased") else row


def _end(event: Event, now: datetime) -> datetime:
    """When the text stops being useful: by its event, or by its kind if that is sooner."""
    natural = instant(event.data["ends_at"]) if event.kind.name == "battle_reminder" else now + timedelta(hours=event.kind.useful_hours)
    return min(natural, event.expirytime) if event.expirytime else natural


def _slot(event: Event, person: Row, now: datetime) -> texts.Slot | None:
    """When it would go, if nothing but the hour mattered; None where nobody knows what time it is there."""
    if not SENDING_HOURS or event.kind.transactional:
        return texts.Slot("now", now)
    phone = person.get("phone", "")
    places = texts.zones(phone, person.get("time_zone")) if phone else []
    return texts.slot(event.message_id, phone, places, SENDING_HOURS, _end(event, now), now) if places else None


def _stripped(row: Row, kind: texts.Kind) -> Row:
    """Of an erased person nothing is written down, not even what they did not get."""
    kept = {name: value for name, value in row.items() if name not in ("user_id", "source", "event_id", "related", "time_zone")}
    return kept | {"data": texts.blank(kind, row["data"]), "erased_at": row["created_at"]}


def _monthly(spent: Row) -> int:
    return min(MONTHLY_BUDGET, spent.get("aws_limit", MONTHLY_BUDGET))


def _ceiling(text_class: str, monthly: int) -> int:
    return monthly if text_class == "transactional" else monthly // 100 * (100 - min(KEPT_PERCENT, 100))


def _usd(micro: int) -> str:
    return f"${micro / 1_000_000:.6f}"


store = DynamoDBPersistenceLayer(table_name=setting("IDEMPOTENCY_TABLE"), boto3_client=dynamodb)


def _replayed(admission: Any, _: DataRecord) -> Any:
    return admission | {"replayed": True}


# An event is remembered for as long as its queue may bring it again; the row's own condition holds for as long as there is a row.
idempotency = IdempotencyConfig(expires_after_seconds=14 * 86_400, hash_function="sha256", response_hook=_replayed)


@idempotent_function(data_keyword_argument="event_key", persistence_store=store, config=idempotency)
def admit(*, event_key: list[str], event: Event, batch: Batch) -> dict[str, Any]:
    """Decides about an event and writes its row, with what it reserves; what it returns is what a repeat of the event is answered with."""
    with batch.turns.of(event.message_id):
        for attempt in range(TRIES):
            try:
                return {"status": _decide_and_write(event, batch)}
            except _Overtaken:
                time.sleep(0.02 * (attempt + 1) * random.random())
                batch.read_books([event], edge.now())
    raise RuntimeError(f"others were faster {TRIES} times")


def _decide_and_write(event: Event, batch: Batch) -> str:
    now = edge.now()
    row = Case(event, batch.person(event), batch.opt_out(event), batch.books, now).decide()
    hours = _counted(row, batch.books, now) if "reserved" in row else None
    try:
        _write(row, hours, batch.books, now)
    except _Repeat as repeat:
        return repeat.status
    if hours:
        batch.books.count(row, hours)
    refused = next((step["gate"] for step in row["gates"] if step["verdict"] == "fail"), None)
    log.info("decided", extra={"message.id": row["message_id"], "message.kind": row["type"], "message.status": row["status"], "refused": refused})
    return row["status"]


class _Repeat(Exception):
    """There was a row already."""

    def __init__(self, row: Row):
        self.status = edge.value(row["status"])


class _Overtaken(Exception):
    """Nothing was written: somebody else changed what the decision went by."""


def _write(row: Row, hours: Row | None, books: Books, now: datetime) -> None:
    """Writes the row and what it reserves, all or nothing, if there is no such row and the books have room."""
    put = {
        "TableName": MESSAGES,
        "Item": edge.item(row),
        "ConditionExpression": "attribute_not_exists(message_id)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    try:
        if not hours:
            dynamodb.put_item(**put)
            return
        writes = [{"Put": put}, {"Update": _reserve(row, books, now)}, {"Put": _replace(hours)}]
        if "day" in row["reserved"]:
            writes.append({"Update": _count_in_day(row, now)})
        dynamodb.transact_write_items(TransactItems=writes)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            raise _Repeat(error.response["Item"]) from None
        if code == "TransactionInProgressException":
            raise _Overtaken from None
        if code != "TransactionCanceledException":
            raise
        reasons = error.response["CancellationReasons"]
        if reasons[0]["Code"] == "ConditionalCheckFailed":
            raise _Repeat(reasons[0]["Item"]) from None
        if {reason["Code"] for reason in reasons} <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
            raise _Overtaken from None
        raise


def _reserve(row: Row, books: Books, now: datetime) -> Row:
    """Sets money aside, if there is as much. Others may have done so since the books were read: then the condition decides, not what was read."""
    amount, month, text_class = row["reserved"]["amount"], row["reserved"]["month"], row["class"]
    room = {"committed": _ceiling(text_class, _monthly(books.spent(month))) - amount}
    if (most := CLASS_BUDGETS.get(text_class)) is not None:
        room[text_class] = most - amount
    has_room = [f"({name} <= :{name}" + (f" OR attribute_not_exists({name}))" if left >= 0 else ")") for name, left in room.items()]
    values = {":now": millis(now), ":amount": amount, ":forget": int((now + KEPT).timestamp())} | {f":{name}": left for name, left in room.items()}
    return {
        "TableName": LIMITS,
        "Key": {"limit_id": {"S": f"budget/{month}"}},
        "UpdateExpression": f"SET expires_at = :forget ADD committed :amount, {text_class} :amount",
        "ConditionExpression": " AND ".join(["(attribute_not_exists(closed_until) OR closed_until <= :now)", *has_room]),
        "ExpressionAttributeValues": edge.item(values),
    }


def _count_in_day(row: Row, now: datetime) -> Row:
    return {
        "TableName": LIMITS,
        "Key": {"limit_id": {"S": _day_key(row["user_id"], row["reserved"]["day"])}},
        "UpdateExpression": "SET expires_at = :forget ADD ids :ids",
        "ConditionExpression": "attribute_not_exists(ids) OR size(ids) < :cap",
        "ExpressionAttributeValues": edge.item({":forget": int((now + DAY_KEPT).timestamp()), ":ids": {row["message_id"]}, ":cap": DAILY_CAP}),
    }


def _counted(row: Row, books: Books, now: datetime) -> Row:
    """The number's last hours with one more text, without those that matter no more."""
    hours, at = books.hours(row["phone"]), millis(instant(row.get("release_at") or row["created_at"]))
    recent = {id_: each for id_, each in hours["texts"].items() if each["at"] > millis(now - HOUR)}
    recent[row["message_id"]] = {"at": at, "words": _words(row["body"])}
    last = max(each["at"] for each in recent.values())
    return hours | {"revision": hours["revision"] + 1, "texts": recent, "expires_at": last // 1000 + 7200}


def _replace(hours: Row) -> Row:
    """Writes the number's last hours, if they are as they were read."""
    put = {"TableName": LIMITS, "Item": edge.item(hours)}
    if hours["revision"] == 1:
        return put | {"ConditionExpression": "attribute_not_exists(limit_id)"}
    return put | {"ConditionExpression": "revision = :read", "ExpressionAttributeValues": {":read": {"N": str(hours["revision"] - 1)}}}


class Job(NamedTuple):
    """A pending text."""

    lane: str
    record: str
    """The record that asked for it."""


class Turns:
    """Has the events of a batch decided in their order, one at a time: two transactions at once on the same month would cancel each other."""

    def __init__(self, order: Iterable[str] = ()) -> None:
        self._left = dict.fromkeys(order)
        self._changed = threading.Condition()

    @contextmanager
    def of(self, id_: str) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: next(iter(self._left)) == id_)
        try:
            yield
        finally:
            self.end(id_)

    def end(self, id_: str) -> None:
        with self._changed:
            self._left.pop(id_, None)
            self._changed.notify_all()


class Batch:
    """The events of one invocation and, by two reads, all that the gates want to know of the people they are for."""

    def __init__(self) -> None:
        self.records: dict[str, Event | Unreadable] = {}
        self.people: dict[str, Row] = {}
        self.opt_outs: dict[str, Row] = {}
        self.books = Books()
        self.unread: set[str] = set()
        """Keys that DynamoDB did not get to: about whom they are of, nothing can be decided now."""
        self.turns = Turns()

    @classmethod
    def read(cls, records: list[dict[str, Any]]) -> Batch:
        batch = cls()
        for record in records:
            try:
                batch.records[record["messageId"]] = Event.parse(record["body"])
            except Unreadable as error:
                batch.records[record["messageId"]] = error
        events = list(batch.wanted.values())
        batch.turns = Turns(batch.wanted)
        found, batch.unread = edge.batch_get(dynamodb, {RECIPIENTS: ("user_id", {event.user_id for event in events})})
        batch.people = found[RECIPIENTS]
        batch.read_books(events, edge.now(), and_opt_outs=True)
        return batch

    def read_books(self, events: list[Event], now: datetime, *, and_opt_outs: bool = False) -> None:
        """Reads what is counted for the events and, the first time, the opt-outs of their numbers: one call for both."""
        keys = {key for event in events for key in _counted_in(event, self.person(event), now)}
        wanted = {LIMITS: ("limit_id", keys)}
        if and_opt_outs:
            wanted[OPT_OUTS] = ("phone", {row["phone"] for row in self.people.values() if "phone" in row})
        found, left = edge.batch_get(dynamodb, wanted)
        for key in keys:
            self.books.rows.pop(key, None)
        self.books.rows |= found[LIMITS]
        self.opt_outs |= found.get(OPT_OUTS, {})
        self.unread |= left

    @property
    def wanted(self) -> dict[str, Event]:
        """The events that could be read, each once, by the ids of their messages."""
        return {event.message_id: event for event in self.records.values() if isinstance(event, Event)}

    def event(self, record: SQSRecord) -> Event:
        event = self.records[record.message_id]
        if isinstance(event, Unreadable):
            raise event
        return event

    def person(self, event: Event) -> Row:
        return self.people.get(event.user_id, {})

    def opt_out(self, event: Event) -> Row | None:
        return self.opt_outs.get(self.person(event).get("phone", ""))

    def admit(self, event: Event) -> dict[str, Any]:
        try:
            person = self.person(event)
            if self.unread and self.unread & {event.user_id, person.get("phone"), *_counted_in(event, person, edge.now())}:
                raise RuntimeError("DynamoDB did not get to all that decides about this event")
            return admit(event_key=[event.source, event.id], event=event, batch=self)
        finally:
            # A repeat never takes its turn.
            self.turns.end(event.message_id)


def _counted_in(event: Event, person: Row, now: datetime) -> list[str]:
    """The rows of the limits table that the gates will ask the books for."""
    if "phone" not in person:
        return []
    slot, phone = _slot(event, person, now), person["phone"]
    at = slot.at if slot and slot.when == "at" else now
    keys = [f"hours/{phone}", f"budget/{_month(at)}"]
    if not event.kind.transactional:
        keys.append(_day_key(event.user_id, texts.local_day(texts.zones(phone, person.get("time_zone")), at)))
    return keys


def _times(record: SQSRecord) -> int:
    return int(record.raw_event.get("attributes", {}).get("ApproximateReceiveCount", 1))


def _reason(error: Exception) -> str:
    """Our own words as they are; of others their kind alone, since what they say may have people's data in it."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"]
    return str(error) if isinstance(error, Unreadable | RuntimeError) else type(error).__name__


def enqueue(jobs: dict[str, Job]) -> list[dict[str, str]]:
    """Puts pending texts on their lanes, by one call a lane, and answers with the records of those that did not get there."""
    failed = []
    for lane, url in LANES.items():
        entries = [{"Id": id_, "MessageBody": edge.job(id_)} for id_, job in jobs.items() if job.lane == lane]
        if not entries:
            continue
        try:
            missing = [entry["Id"] for entry in sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed", [])]
        except (BotoCoreError, ClientError) as error:
            log.warning("no job got to the lane", extra={"lane": lane, "reason": _reason(error)})
            missing = [entry["Id"] for entry in entries]
        failed += [{"itemIdentifier": jobs[id_].record} for id_ in missing]
    return failed
