"""Checks the chain of a consent ledger: an implementation of its own, beside that of the functions, from the description on the page."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime

# Every field that an entry may have, in the order in which it is hashed; those that are empty are left out, but for `hash`.
FIELDS = ["user_id", "seq", "previous", "hash", "at", "action", "method", "phone", "ip", "user_agent", "disclosure_version", "wording"]
NOTHING = "0" * 64


@dataclass
class Story:
    """What the tables have on a person."""

    person: str
    stack: str
    made_at: datetime
    recipient: dict
    entries: list
    messages: list
    replies: list
    opt_outs: dict
    phones: list
    disclosures: dict

    @property
    def erasures(self):
        return self.recipient.get("erasures", [])

    @property
    def is_erased(self):
        return self.recipient.get("erased", False)

    def is_theirs(self, phone, at):
        """Whether the number is known to have been theirs then: numbers change hands. functions/api says the same of its answers."""
        said = [entry["at"] for entry in self.entries if entry.get("phone") == phone]
        if self.recipient.get("phone") == phone and self.recipient.get("phone_verified_at"):
            return min([*said, self.recipient["phone_verified_at"]]) <= at
        return bool(said) and min(said) <= at <= max(said)


@dataclass
class Verdict:
    """What came of checking."""

    entries: list
    findings: list = field(default_factory=list)
    bad: set = field(default_factory=set)

    @property
    def is_whole(self):
        return not self.findings

    def find(self, seq, what):
        self.findings.append(what)
        self.bad.add(seq)


def canonical(entry):
    """The text that is hashed."""
    filled = {name: entry[name] for name in FIELDS if name in entry} | {"seq": int(entry["seq"]), "hash": ""}
    return json.dumps({name: filled[name] for name in FIELDS if name in filled}, ensure_ascii=False, separators=(",", ":"))


def fingerprint(entry):
    return hashlib.sha256(canonical(entry).encode()).hexdigest()


def check(story):
    """Follows the chain from its beginning, or from the last seal whose time is over, to the end that the person's own row names."""
    now = story.made_at.strftime("%Y-%m-%dT%H:%M:%S.999Z")
    over = [erasure["ledger"] for erasure in story.erasures if erasure["kept_until"] <= now]
    seq, previous = (int(over[-1]["seq"]), over[-1]["hash"]) if over else (0, NOTHING)
    entries = sorted((entry for entry in story.entries if int(entry["seq"]) > seq), key=lambda entry: int(entry["seq"]))
    verdict = Verdict(entries)
    for entry in entries:
        number = int(entry["seq"])
        if number != seq + 1:
            missing = f"Entry {seq + 1} is" if number == seq + 2 else f"Entries {seq + 1} to {number - 1} are"
            verdict.find(number, f"{missing} missing.")
        if fingerprint(entry) != entry.get("hash"):
            verdict.find(number, f"Entry {number} was changed: its content does not give its hash.")
        unknown = sorted(set(entry) - set(FIELDS) - {"expires_at"})
        if unknown:
            verdict.find(number, f"Entry {number} has fields that no hash covers: {', '.join(unknown)}.")
        if entry.get("previous") != previous:
            verdict.find(number, f"Entry {number} does not follow the one before it: the hash that it names is another.")
        seq, previous = number, entry.get("hash")
    check_ends(story, verdict, seq, previous)
    return verdict


def check_ends(story, verdict, seq, previous):
    """The end of the chain is kept in another table, and so is where each seal was put: an entry cut off at the end shows."""
    end = story.recipient.get("ledger")
    if end is None and seq:
        verdict.find(seq, "The person's own row names no end of the ledger, although there are entries.")
    elif end is not None and int(end["seq"]) > seq:
        verdict.find(seq, f"The ledger is cut off: it ends at entry {seq}, and the person's own row says that it ends at {int(end['seq'])}.")
    elif end is not None and int(end["seq"]) < seq:
        verdict.find(seq, f"Entries after {int(end['seq'])} were added: the person's own row does not know of them.")
    elif end is not None and end["hash"] != previous:
        verdict.find(seq, f"The last entry, {seq}, is not the one that the person's own row names.")
    hashes = {int(entry["seq"]): entry.get("hash") for entry in verdict.entries}
    for erasure in story.erasures:
        sealed = int(erasure["ledger"]["seq"])
        if sealed in hashes and hashes[sealed] != erasure["ledger"]["hash"]:
            verdict.find(sealed, f"Entry {sealed} is not the one that was sealed on {erasure['at'][:10]}.")
