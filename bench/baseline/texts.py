"""What the two functions say and to whom, without I/O: kinds of text, phone numbers, the hour where somebody is, words, and how AWS counts them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from edge import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """What follows from the kind of a text alone."""

    name: str
    fields: dict[str, type]
    """The data of its event: text, a whole number, or an instant."""
    link: str
    """The field that holds the link."""
    typed: tuple[str, ...]
    """The fields that users typed."""
    full: Callable[[Data, datetime], str]
    brief: Callable[[Data, datetime], str]
    category: str | None = None
    """The switch that turns it off; None for what is always sent."""
    useful_hours: int = 24
    parts: int = 2
    """The message parts that it may take."""
    most_parts: int = 2
    """The same, if it cannot be said in fewer."""
    optional: tuple[str, ...] = ()

    @property
    def transactional(self) -> bool:
        return self.category is None

    @property
    def text_class(self) -> str:
        return "transactional" if self.transactional else "promotional"

    @property
    def lane(self) -> str:
        return "urgent" if self.transactional else "bulk"


ALERTS = {
    "new_login": "New login to your account.",
    "password_changed": "Your password was changed.",
    "email_changed": "Your email address was changed.",
    "phone_changed": "Your phone number was changed.",
}
FOOTER = "\nReply STOP to opt out"


def _line(text: str) -> str:
    """What was typed as a line of its own or, where nothing of it is left, no line."""
    return f"{text}\n" if text else ""


def _left(data: Data, now: datetime) -> str:
    """How long the battle lasts from now on, never more than it does."""
    ends_at = instant(data["ends_at"])
    seconds = (ends_at - now) // timedelta(seconds=1)
    if seconds < 60:
        return "in less than a minute"
    if seconds > 7 * 86_400:
        # Where the day begins last: wherever the reader is, the battle lasts to that day at least.
        day = ends_at.astimezone(timezone(timedelta(hours=-12)))
        return f"on {_MONTHS[day.month - 1]} {day.day}, {day.year}"
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3600, seconds % 3600 // 60
    if days:
        return f"in {days} {'day' if days == 1 else 'days'}" + (f" {hours} h" if hours else "")
    return "in " + " ".join(f"{amount} {unit}" for amount, unit in ((hours, "h"), (minutes, "min")) if amount)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "battle_invitation",
            {"inviter_name": str, "battle_topic": str, "invitation_link": str},
            link="invitation_link",
            typed=("inviter_name", "battle_topic"),
            category="battle_invitations",
            full=lambda data, _: (
                f"AllThrive: {data['inviter_name'] or 'Someone'} has challenged you to a battle on AllThrive!\n"
                f"Topic: {data['battle_topic'] or 'a new battle'}\nAccept the challenge: {data['invitation_link']}"
            ),
            brief=lambda data, _: (
                f"AllThrive: {data['inviter_name'] or 'Someone'} has challenged you to a battle!\n{_line(data['battle_topic'])}{data['invitation_link']}"
            ),
        ),
        Kind(
            "battle_result",
            {"battle_topic": str, "result_summary": str, "result_link": str},
            link="result_link",
            typed=("battle_topic", "result_summary"),
            category="battle_results",
            full=lambda data, _: (
                f"AllThrive: Battle Update\nTopic: {data['battle_topic'] or 'your battle'}\n{data['result_summary'] or 'It is decided.'}\n"
                f"See the result: {data['result_link']}"
            ),
            brief=lambda data, _: f"AllThrive: Battle Update\n{_line(data['battle_topic'])}{_line(data['result_summary'])}{data['result_link']}",
        ),
        Kind(
            "battle_reminder",
            {"battle_topic": str, "ends_at": datetime, "battle_link": str},
            link="battle_link",
            typed=("battle_topic",),
            category="battle_reminders",
            full=lambda data, now: (
                f"AllThrive: Battle Reminder\nTopic: {data['battle_topic'] or 'your battle'}\nIt ends {_left(data, now)}.\n"
                f"Go to the battle: {data['battle_link']}"
            ),
            brief=lambda data, now: f"AllThrive: Battle Reminder\n{_line(data['battle_topic'])}It ends {_left(data, now)}.\n{data['battle_link']}",
        ),
        Kind(
            "streak_alert",
            {"streak_count": int, "action_link": str},
            link="action_link",
            typed=(),
            category="streak_alerts",
            useful_hours=12,
            full=lambda data, _: f"AllThrive: Your {data['streak_count']}-day streak is at risk!\nKeep it going today: {data['action_link']}",
            brief=lambda data, _: f"AllThrive: Your {data['streak_count']}-day streak is at risk!\n{data['action_link']}",
        ),
        Kind(
            "direct_message",
            {"sender_name": str, "conversation_link": str, "recipient_last_seen_at": datetime},
            link="conversation_link",
            typed=("sender_name",),
            category="direct_messages",
            optional=("recipient_last_seen_at",),
            full=lambda data, _: f"AllThrive: {data['sender_name'] or 'Someone'} sent you a message.\nRead it: {data['conversation_link']}",
            brief=lambda data, _: f"AllThrive: {data['sender_name'] or 'Someone'} sent you a message.\n{data['conversation_link']}",
        ),
        Kind(
            "achievement_unlock",
            {"achievement_name": str, "achievement_link": str},
            link="achievement_link",
            typed=("achievement_name",),
            category="achievements",
            full=lambda data, _: (
                f"AllThrive: Achievement unlocked!\n{data['achievement_name'] or 'You reached something new.'}\nSee it: {data['achievement_link']}"
            ),
            brief=lambda data, _: f"AllThrive: Achievement unlocked!\n{_line(data['achievement_name'])}{data['achievement_link']}",
        ),
        Kind(
            "security_alert",
            {"alert": str, "detail": str, "link": str},
            link="link",
            typed=("detail",),
            parts=1,
            full=lambda data, _: f"AllThrive: {ALERTS[data['alert']]}\n{_line(data['detail'])}Not you? Secure your account: {data['link']}",
            brief=lambda data, _: f"AllThrive: {ALERTS[data['alert']]}\n{_line(data['detail'])}Not you? {data['link']}",
        ),
    )
}


E164 = re.compile(r"\+[1-9][0-9]{7,14}", re.ASCII)

# Area codes of the North American Numbering Plan outside the United States and their territories (NANPA), and calling codes (ITU-T E.164).
_NANP = {
    area: country
    for country, areas in {
        "CA": "204 226 236 249 250 257 263 273 289 306 343 354 365 367 368 382 403 416 418 428 431 437 438 450 460 468 474 506 514 519 537 548 568 "
        "579 581 584 587 600 604 613 622 633 639 644 647 655 672 677 683 688 705 709 742 753 778 780 782 807 819 825 867 873 879 902 905 942",
        "BS": "242", "BB": "246", "AI": "264", "AG": "268", "VG": "284", "KY": "345", "BM": "441", "GD": "473", "TC": "649", "JM": "658 876",
        "MS": "664", "SX": "721", "LC": "758", "DM": "767", "VC": "784", "DO": "809 829 849", "TT": "868", "KN": "869",
    }.items()
    for area in areas.split()
}
_CALLING_CODES = {
    code[:-2]: code[-2:]
    for code in (
        "20EG 211SS 212MA 213DZ 216TN 218LY 220GM 221SN 222MR 223ML 224GN 225CI 226BF 227NE 228TG 229BJ 230MU 231LR 232SL 233GH 234NG 235TD 236CF "
        "237CM 238CV 239ST 240GQ 241GA 242CG 243CD 244AO 245GW 246IO 247SH 248SC 249SD 250RW 251ET 252SO 253DJ 254KE 255TZ 256UG 257BI 258MZ 260ZM "
        "261MG 262RE 263ZW 264NA 265MW 266LS 267BW 268SZ 269KM 27ZA 290SH 291ER 297AW 298FO 299GL 30GR 31NL 32BE 33FR 34ES 350GI 351PT 352LU 353IE "
        "354IS 355AL 356MT 357CY 358FI 359BG 36HU 370LT 371LV 372EE 373MD 374AM 375BY 376AD 377MC 378SM 380UA 381RS 382ME 383XK 385HR 386SI 387BA "
        "389MK 39IT 40RO 41CH 420CZ 421SK 423LI 43AT 44GB 45DK 46SE 47NO 48PL 49DE 500FK 501BZ 502GT 503SV 504HN 505NI 506CR 507PA 508PM 509HT 51PE "
        "52MX 53CU 54AR 55BR 56CL 57CO 58VE 590GP 591BO 592GY 593EC 594GF 595PY 596MQ 597SR 598UY 599CW 60MY 61AU 62ID 63PH 64NZ 65SG 66TH 670TL "
        "672NF 673BN 674NR 675PG 676TO 677SB 678VU 679FJ 680PW 681WF 682CK 683NU 685WS 686KI 687NC 688TV 689PF 690TK 691FM 692MH 7RU 76KZ 77KZ 81JP "
        "82KR 84VN 850KP 852HK 853MO 855KH 856LA 86CN 880BD 886TW 90TR 91IN 92PK 93AF 94LK 95MM 960MV 961LB 962JO 963SY 964IQ 965KW 966SA 967YE "
        "968OM 970PS 971AE 972IL 973BH 974QA 975BT 976MN 977NP 98IR 992TJ 993TM 994AZ 995GE 996KG 998UZ"
    ).split()
}


def country(phone: str) -> str | None:
    """The ISO 3166 code of the country that the prefix belongs to."""
    if phone.startswith("+1"):
        area = phone[2:5]
        valid = len(phone) == 12 and area[0] in "23456789" and area[1] != "9"
        return _NANP.get(area, "US") if valid else None
    return next((_CALLING_CODES[prefix] for length in (3, 2, 1) if (prefix := phone[1 : 1 + length]) in _CALLING_CODES), None)


def masked(phone: str) -> str:
    """Its last two digits and nothing more."""
    return f"+{'*' * (len(phone) - 3)}{phone[-2:]}"


def pairs(text: str) -> list[tuple[str, str]]:
    """`US=8830,CA=11810`."""
    found = [re.fullmatch(r"\s*([A-Z]{2})=(\S+)\s*", pair) for pair in text.split(",")]
    if not all(found):
        raise ValueError("wants COUNTRY=value pairs with commas between")
    return [(pair[1], pair[2]) for pair in found if pair]


def prices(text: str) -> dict[str, int]:
    """What a message part costs in each country that may be texted, in micro-USD."""
    return {country: int(price) for country, price in pairs(text)}


LOST_AFTER = timedelta(minutes=3)
"""A text that waits in its lane for longer may be in no lane at all: the reconciler looks at it."""


def shard(message_id: str, lane: str) -> str:
    """The part of the index `by_due` that a text is in."""
    return lane if lane == "urgent" else f"bulk-{int(message_id[-2:], 16) % 4}"


def blocks(opt_out: dict[str, Any], kind: Kind) -> str | None:
    """Why a text may not go to a number with this row in the opt-outs table."""
    if "everything_since" in opt_out:
        refused = opt_out.get("relisting_refused")
        more = f"; wants texts again, but AWS keeps it on its list: {refused}" if refused else ""
        return f"opted out of everything at {opt_out['everything_since']} by {opt_out['rule']}{more}"
    if kind.category and kind.category in opt_out.get("categories", ()):
        return f"opted out of {kind.category} by {opt_out['rule']}"
    return None


Hours = tuple[time, time]
"""From when until when on any day promotional texts may be sent (47 CFR 64.1200(c)(1)), before a state says less."""

_FIFTY_STATES = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix",
    "America/Los_Angeles", "America/Anchorage", "America/Adak", "Pacific/Honolulu",
)
# States that allow less: Monday to Friday, Saturday, Sunday. Sources: shared/src/quiet_hours.rs.
_STATES: dict[str, tuple[tuple[int, int], ...]] = {
    "203 475 860 959": ((9, 20),) * 3,
    "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 941 954": ((8, 20),) * 3,
    "227 240 301 410 443 667": ((8, 20),) * 3,
    "405 539 572 580 918": ((8, 20),) * 3,
    "210 214 254 281 325 346 361 409 430 432 469 512 621 682 713 726 737 806 817 830 832 903 915 936 940 945 956 972 979": (
        (9, 21), (9, 21), (12, 21),
    ),
    "206 253 360 425 509 564": ((8, 20),) * 3,
}
_SPREAD = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class Slot:
    """When a promotional text goes: `now`, `at` a release, `late` if it is of no use any more then, or `never`."""

    when: str
    at: datetime


def sending_hours(text: str) -> Hours:
    """`08:00-21:00`."""
    opening, _, closing = text.partition("-")
    hours = time.fromisoformat(opening.strip()), time.fromisoformat(closing.strip())
    if hours[0] >= hours[1]:
        raise ValueError("wants two times of one day with a dash between, the earlier first")
    return hours


def zones(phone: str, setting: str | None) -> list[ZoneInfo]:
    """Where a number is: the person's own setting, else anywhere in the fifty states; none for a foreign number without a setting."""
    if setting:
        try:
            return [ZoneInfo(setting)]
        except (ValueError, KeyError, OSError):
            pass
    return [ZoneInfo(name) for name in _FIFTY_STATES] if phone.startswith("+1") and len(phone) == 12 else []


def local_day(places: list[ZoneInfo], at: datetime) -> str:
    """The day that it is there, such as `2026-11-22`; the earliest one, where zones differ."""
    return str(min(at.astimezone(zone).date() for zone in places) if places else at.date())


def slot(message_id: str, phone: str, places: list[ZoneInfo], hours: Hours, useful_until: datetime, now: datetime) -> Slot:
    """When a promotional text may go that is decided at `now`: as soon as every clock that may be the person's says so."""

    def closing(at: datetime) -> datetime | None:
        closings = [next((close for open_, close in _days(zone, phone, hours, at) if open_ <= at < close), None) for zone in places]
        return min(close for close in closings if close) if all(closings) else None

    if closing(now):
        return Slot("now", now)
    openings = sorted(open_ for zone in places for open_, _ in _days(zone, phone, hours, now) if open_ > now)
    for opening in openings:
        if close := closing(opening):
            return Slot("late", opening) if useful_until <= opening else Slot("at", _release(message_id, opening, min(close, useful_until)))
    return Slot("never", now)


def _days(zone: ZoneInfo, phone: str, hours: Hours, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    today = at.astimezone(zone).date()
    for day in (today + timedelta(days=ahead) for ahead in range(8)):
        open_, close = _hours_on(day, phone, hours)
        if open_ < close:
            yield _at(day, open_, zone), _at(day, close, zone)


def _at(day: date, hour: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, hour, zone).astimezone(timezone.utc)


def _hours_on(day: date, phone: str, hours: Hours) -> Hours:
    days = next((days for areas, days in _STATES.items() if phone.startswith("+1") and phone[2:5] in areas.split()), None)
    if not days:
        return hours
    open_, close = days[max(day.weekday() - 4, 0)]
    return max(hours[0], time(open_)), min(hours[1], time(close))


def _release(message_id: str, opening: datetime, end: datetime) -> datetime:
    """Somewhere within the first minutes, always the same for a text, so that eight o'clock is no burst."""
    room = max(min(_SPREAD, end - opening) // timedelta(milliseconds=1), 1)
    return opening + timedelta(milliseconds=(UUID(message_id).int & (2**64 - 1)) % room)


_GSM_BASIC = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
_GSM_EXTENSION = "^{}\\[~]|€\f"
_IS_GSM = re.compile(f"[{re.escape(_GSM_BASIC + _GSM_EXTENSION)}]*")
_EXTENDED = re.compile(f"[{re.escape(_GSM_EXTENSION)}]")


@dataclass(frozen=True, slots=True)
class Text:
    """A text, ready to be sent."""

    body: str
    encoding: str
    """`GSM` or `UNICODE`."""
    parts: int


def sized(body: str) -> Text:
    """A text with its size: 160 GSM-7 characters in one part and 153 in each of several, or 70 and 67 in UCS-2."""
    if _IS_GSM.fullmatch(body):
        extended = len(_EXTENDED.findall(body))
        parts = 1 if len(body) + extended <= 160 else _split((1 + (c in _GSM_EXTENSION) for c in body), 153)
        return Text(body, "GSM", parts)
    widths = [1 + (c > "\uffff") for c in body]
    return Text(body, "UNICODE", 1 if sum(widths) <= 70 else _split(iter(widths), 67))


def _split(widths: Iterator[int], room: int) -> int:
    """Two-septet characters and surrogate pairs are never split between two parts."""
    parts, used = 1, 0
    for width in widths:
        if used + width > room:
            parts, used = parts + 1, 0
        used += width
    return parts


class Unfit(ValueError):
    """Why content cannot be sent as a text: the field and what is wrong with it, and nothing of what it said."""


def render(kind: Kind, data: Data, domains: list[str], now: datetime) -> Text:
    """The content in English: the fullest wording that fits the kind's parts. Typed words are shortened, the link never is."""
    _check_link(kind.link, data[kind.link], domains)
    if kind.name == "battle_reminder" and instant(data["ends_at"]) <= now:
        raise Unfit("ends_at: already over")
    footer = "" if kind.transactional else FOOTER
    text = _tightest(kind.full(data, now) + footer)
    if text.parts <= kind.parts:
        return text
    for limit in range(kind.parts, kind.most_parts + 1):
        for words, content, least in (
            (kind.full, data, 24),
            (kind.brief, data, 12),
            (kind.brief, _retyped(kind, data, _plain), 8),
            (kind.brief, _retyped(kind, data, lambda _: ""), 1),
        ):
            for version in _versions(kind, content, least):
                text = _tightest(words(version, now) + footer)
                if text.parts <= limit:
                    return text
    raise Unfit(f"{kind.link}: too long, the text takes more than {kind.most_parts} message parts even at its shortest")


_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LINK = re.compile(rf"https://({_LABEL}(?:\.{_LABEL})*)(?:[/?#][a-z0-9\-._~:/?#@!$&'()*+,;=%]*)?", re.ASCII | re.IGNORECASE)


def _check_link(field: str, link: str, domains: list[str]) -> None:
    found = _LINK.fullmatch(link)
    if not found or len(found[1]) > 253:
        raise Unfit(f"{field}: not a link, expected https://host/path in plain characters")
    host = found[1].lower()
    if not any(host == domain or (domain and host.endswith("." + domain)) for domain in domains):
        raise Unfit(f"{field}: leads to a host that is on none of the allowed domains")


def _retyped(kind: Kind, data: Data, change: Callable[[str], str]) -> Data:
    return data | {field: change(data[field]) for field in kind.typed}


def _versions(kind: Kind, data: Data, least: int) -> Iterator[Data]:
    """The content whole, and then with ever lower caps on typed words, so that the longest field yields first."""
    yield data
    longest = max((len(data[field]) for field in kind.typed), default=0)
    for cap in range(min(longest, 306) - 1, least - 1, -1):
        yield _retyped(kind, data, lambda text, cap=cap: _cut(text, cap))


def _cut(text: str, cap: int) -> str:
    """At most `cap` characters, the last one an ellipsis if something is missing; between words, if the last one began not far off."""
    if len(text) <= cap:
        return text
    end = _boundary(text, cap - 1)
    if text[end] != " " and (space := text.rfind(" ", 0, end)) * 3 >= end * 2:
        end = space
    # Half a word may be a host name: of `a.html`, `a.ht`.
    kept = harmless_field(text[:end].rstrip(" ,;:.-–—"))
    return f"{kept}…" if kept else ""


def _boundary(text: str, most: int) -> int:
    """The last place that is not inside what people see as one character: marks, joiners, skin tones and flags."""
    while 0 < most < len(text) and (
        unicodedata.category(text[most])[0] == "M"
        or text[most] in "\u200c\u200d"
        or "\U0001f3fb" <= text[most] <= "\U0001f3ff"
        or text[most - 1] == "\u200d"
        or ("\U0001f1e6" <= text[most] <= "\U0001f1ff" and len(text[:most]) - len(text[:most].rstrip(_FLAG_LETTERS)) & 1)
    ):
        most -= 1
    return most


_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))


def _plain(text: str) -> str:
    """What is left without emoji and symbols; nothing of what would lose letters."""
    text = _rewritten(text)
    lacks = [c for c in text if not _IS_GSM.fullmatch(c)]
    if any(c.isalpha() for c in lacks):
        return ""
    kept = harmless_field("".join(" " if c in lacks else c for c in text))
    return kept if any(c.isalnum() for c in kept) else ""


def _tightest(body: str) -> Text:
    """The text as it is or, if that saves a part, with its typography and its accents rewritten in GSM-7."""
    text = sized(body)
    if text.encoding == "GSM":
        return text
    smaller = sized(_rewritten(body))
    return smaller if smaller.parts < text.parts else text


_NEAR = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛‹›′´`ʼ", "'"), **dict.fromkeys("“”„‟«»″", '"'), **dict.fromkeys("‐‑‒–—―−·•‣∙", "-"),
        **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "),
        "…": "...", "™": "TM", "©": "(c)", "®": "(R)", "×": "x", "→": "->", "←": "<-", "ª": "a", "º": "o", "ﬁ": "fi", "ﬂ": "fl",
        "œ": "oe", "Œ": "OE", "ı": "i", "ł": "l", "Ł": "L", "ç": "c", "ő": "ö", "Ő": "Ö", "ű": "ü", "Ű": "Ü",
    }
)


def _rewritten(text: str) -> str:
    """With a near equal for what GSM-7 lacks: typography, and one accent on a Latin letter. Other scripts and emoji stay."""
    return "".join(c if _IS_GSM.fullmatch(c) else _unaccented(c) for c in unicodedata.normalize("NFC", text).translate(_NEAR))


def _unaccented(c: str) -> str:
    apart = unicodedata.normalize("NFD", c)
    return apart[0] if len(apart) == 2 and apart[0].isascii() else c


_LONGEST = 500
_FOLDED = str.maketrans(
    {c: chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(map(ord, "\u2800\u3164\uffa0\u115f\u1160"), " ")
    | dict.fromkeys(map(ord, "\u2024\ufe52"), ".")
    | dict.fromkeys(map(ord, "\ufe55\ua789\u2236"), ":")
    | dict.fromkeys(map(ord, "\u2044\u2215\u29f8"), "/")
    | {0xFE6B: "@"}
    | dict.fromkeys([0x34F, 0xFFFC, 0xFFFD, *range(0xE0100, 0xE01F0)])
)
_JOINERS = "\u200c\u200d"
_STRAY_JOINER = re.compile(rf"(?<![^\x00-\x7f{_JOINERS}])[{_JOINERS}]+|[{_JOINERS}]+(?![^\x00-\x7f])")
"""Joiners belong between letters of some scripts, and in some emoji."""
_SCHEME = re.compile(r"://|(?<![^\W_])(?:(?:https?|mailto|tel|sms(?:to)?|mms(?:to)?|facetime|whatsapp|intent|market):|www\.)\S", re.IGNORECASE)
_NOT_TOP_LEVEL = {"js", "jsx", "css", "html", "json", "txt", "pdf", "jpg", "png", "csv", "exe"}
_HOST_DOT = re.compile(r"(?<=[^\s.。｡])[.。｡](?=([^\W\d_]{2,}))")
_IP = re.compile(r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)")
_DOTTED = re.compile(r"[.:。｡]")
_GOES_ON = re.compile(r"[/\\?#].|:\d")
_NUMBERS = re.compile(
    r"\+\(?\d(?:[ \-.()/]{0,2}\d){7,}"  # international
    r"|(?<!\d)\d{3}[ \-.()/]{1,2}\d{3}[ \-.()/]{1,2}\d{4}(?!\d)"  # of North America
    r"|(?<!\d)1?\d{10}(?!\d)"
)


def harmless(kind: Kind, data: Data) -> Data:
    """The content with what users typed made harmless in a stranger's text, and every field bounded."""
    return _retyped(kind, data, harmless_field) | {kind.link: data[kind.link][:_LONGEST]}


def harmless_field(text: str) -> str:
    """One line, nothing invisible, nothing that a phone turns into a link to the web, to an address or to a number."""
    if not text.isascii():
        text = _STRAY_JOINER.sub("", "".join(c for c in text.translate(_FOLDED) if c.isspace() or c in _JOINERS or unicodedata.category(c)[0] != "C"))
    elif not text.isprintable():
        text = "".join(c for c in text if c.isspace() or c.isprintable())
    line = " ".join(text.split())
    line = line[: _boundary(line, _LONGEST)]
    # What goes may have kept apart what then reads as a link or a number.
    while (less := _NUMBERS.sub(_starred, _unlinked(line))) != line:
        line = less
    return line


def blank(kind: Kind, data: Data) -> Data:
    """The same kind of content, with nothing of any person in it."""
    nothing = {str: "", int: 0}
    return {name: value if name in ("ends_at", "alert") else nothing[kind.fields[name]] for name, value in data.items() if name not in kind.optional}


def _unlinked(line: str) -> str:
    if not _DOTTED.search(line):
        return line
    return " ".join(word for each in line.split(" ") for word in _defused(each).split())[:_LONGEST].rstrip()


def _defused(word: str) -> str:
    """A word that no phone makes a link of: as it is, with a space behind every dot of a host name, or nothing if it is an address through and through."""
    if _SCHEME.search(word):
        return ""
    hosts = [found for found in _HOST_DOT.finditer(word) if found[1].lower() not in _NOT_TOP_LEVEL]
    addresses = list(_IP.finditer(word))
    if any(_GOES_ON.match(word, end) for end in [*(found.end(1) for found in hosts), *(found.end() for found in addresses)]):
        return ""
    dots = {found.start() for found in hosts}
    dots |= {at for found in addresses for at in range(*found.span()) if word[at] == "."}
    return "".join(c + " " if at in dots else c for at, c in enumerate(word))


def _starred(found: re.Match[str]) -> str:
    return re.sub(r"\d", "*", found[0])
