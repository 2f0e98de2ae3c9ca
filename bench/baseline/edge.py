"""What both functions share of AWS: clients that are made once, settings, instants, and rows as DynamoDB has them."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Row = dict[str, Any]
"""A row in plain Python: text, whole numbers, booleans, lists, dictionaries and sets of text."""

LOG_LEVEL = (os.environ.get("LOG_LEVEL") or "INFO").upper()

# What we send is made by our own code and refused by AWS if it is wrong: to validate it here as well costs more than to sign it.
_ANY = {"tcp_keepalive": True, "connect_timeout": 1, "max_pool_connections": 10, "parameter_validation": False}
RETRIED = Config(**_ANY, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
ONCE = Config(**_ANY, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 1})

_session = boto3.session.Session(region_name=os.environ.get("AWS_REGION"))

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def client(service: str, config: Config = RETRIED) -> Any:
    return _session.client(service, config=config)


def setting(name: str) -> str:
    """The value of an environment variable; a missing one fails the init and names itself."""
    try:
        return os.environ[name]
    except KeyError:
        raise RuntimeError(f"the environment variable {name} is missing") from None


def read_setting(name: str, read: Callable[[str], T]) -> T:
    """The same, read as something; an unreadable one names itself, too."""
    try:
        return read(setting(name))
    except ValueError as error:
        raise RuntimeError(f"the environment variable {name} is wrong: {error}") from None


def link_domains() -> list[str]:
    return [domain.strip().lower() for domain in setting("LINK_DOMAINS").split(",")]


def now() -> datetime:
    return datetime.now(timezone.utc)


def instant(text: str) -> datetime:
    """An RFC 3339 instant in UTC; ValueError if it is none. Python 3.10 reads neither a Z nor a fraction of any other length than 3 or 6."""
    found = _INSTANT.fullmatch(text)
    if not found:
        raise ValueError("not an RFC 3339 instant")
    date, time, fraction, offset = found.groups(default="")
    if time.endswith(":60"):
        # A leap second.
        time = time[:-2] + "59"
    try:
        read = datetime.fromisoformat(f"{date}T{time}.{fraction[1:7]:0<6}{'+00:00' if offset in 'Zz' else offset}")
        return read.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError("not an RFC 3339 instant") from None


def moment(at: datetime) -> str:
    """As rows have it: such as `2026-11-22T10:00:00.000Z`, so that the order of the text is that of time."""
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


def millis(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def attribute(value: Any) -> Row:
    """A value as DynamoDB's API has it. boto3's own serializer takes several times as long, for types that no row here has."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, dict):
        return {"M": item(value)}
    if isinstance(value, list):
        return {"L": [attribute(each) for each in value]}
    if isinstance(value, set):
        return {"SS": sorted(value)}
    raise TypeError(f"DynamoDB rows here have no {type(value).__name__}")


def item(row: Row) -> Row:
    """A row as DynamoDB's API has it. What is None is not there."""
    return {name: attribute(value) for name, value in row.items() if value is not None}


def value(attribute: Row) -> Any:
    ((kind, inner),) = attribute.items()
    if kind in ("S", "BOOL"):
        return inner
    if kind == "N":
        return int(inner) if inner.lstrip("-").isdigit() else float(inner)
    if kind == "M":
        return row(inner)
    if kind == "L":
        return [value(each) for each in inner]
    if kind == "SS":
        return set(inner)
    return None


def row(item: Row) -> Row:
    return {name: value(inner) for name, inner in item.items()}


def batch_get(dynamodb: Any, wanted: dict[str, tuple[str, set[str]]]) -> tuple[dict[str, dict[str, Row]], set[str]]:
    """One BatchGetItem over several tables: `{table: (key, values)}` to `{table: {value: row}}`, and the values that DynamoDB did not get to."""
    asked = {table: {"Keys": [{key: {"S": each}} for each in values], "ConsistentRead": True} for table, (key, values) in wanted.items() if values}
    found: dict[str, dict[str, Row]] = {table: {} for table in wanted}
    if not asked:
        return found, set()
    answer = dynamodb.batch_get_item(RequestItems=asked)
    for table, items in answer["Responses"].items():
        key = wanted[table][0]
        found[table] = {each[key]["S"]: row(each) for each in items}
    left = {each[wanted[table][0]]["S"] for table, keys in answer.get("UnprocessedKeys", {}).items() for each in keys["Keys"]}
    return found, left


def job(message_id: str) -> str:
    """An order to the sender."""
    return f'{{"message_id":"{message_id}"}}'
