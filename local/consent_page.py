"""The page of a consent proof: HTML without anything from elsewhere, for the screen and for paper."""

import hashlib
from html import escape

from consent_chain import canonical

ACTIONS = {"given": "Consent given", "revoked": "Consent revoked", "erased": "Person erased, ledger sealed"}
METHODS = {
    "opt_in_modal": "the opt-in prompt in the app",
    "settings_page": "the settings page",
    "phone_verification": "proving a phone number",
    "sms_keyword": "a text message from the phone",
    "api": "the operator's systems, for the person",
    "carrier": "the phone's carrier",
}
MEANINGS = {
    "stop_all": "Stop everything",
    "stop_categories": "Stop some kinds of texts",
    "start": "Start again",
    "help": "Asks for help",
    "unclear": "Unclear: to be read by a person",
    "other": "No instruction",
}
STYLE = """
@page { size: auto; margin: 18mm 14mm; @bottom-right { content: "Page " counter(page) " of " counter(pages); font: 8pt Georgia, serif; color: #555; } }
* { box-sizing: border-box; }
html { background: #fff; color: #1a1a1a; font: 15px/1.5 Georgia, "Times New Roman", serif; color-scheme: light; }
body { max-width: 1040px; margin: 0 auto; padding: 40px 32px 64px; }
header { border-bottom: 3px double #1a1a1a; padding-bottom: 18px; margin-bottom: 24px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 4px; font-weight: normal; }
h2 { font-size: 19px; margin: 40px 0 10px; padding-bottom: 4px; border-bottom: 1px solid #999; break-after: avoid; }
h3 { font-size: 15px; margin: 20px 0 4px; break-after: avoid; }
p { margin: 6px 0; max-width: 46em; }
.sub { color: #555; margin: 0; }
dl { display: grid; grid-template-columns: 11em 1fr; gap: 3px 16px; margin: 12px 0; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
.verdict { border: 2px solid #1f6b3a; border-left-width: 10px; padding: 12px 18px; margin: 20px 0; break-inside: avoid; }
.verdict strong { font-size: 19px; color: #1f6b3a; }
.verdict.broken { border-color: #b00020; background: #fdecee; }
.verdict.broken strong { color: #b00020; }
.verdict ul { margin: 8px 0 4px; padding-left: 20px; }
.note { border-left: 4px solid #8a6d1a; background: #fbf6e6; padding: 8px 14px; margin: 14px 0; }
blockquote { margin: 8px 0; padding: 10px 16px; border: 1px solid #bbb; background: #fafafa; max-width: none; white-space: pre-wrap; break-inside: avoid; }
table { width: 100%; border-collapse: collapse; margin: 10px 0; font-size: 13px; line-height: 1.4; }
thead { display: table-header-group; } tr { break-inside: avoid; }
th { text-align: left; border-bottom: 1.5px solid #1a1a1a; padding: 5px 8px; font-weight: bold; vertical-align: bottom; }
td { border-bottom: 1px solid #ccc; padding: 6px 8px; vertical-align: top; overflow-wrap: anywhere; }
td { white-space: pre-line; } td.when, .right { white-space: nowrap; } .right { text-align: right; }
.entry { border: 1px solid #bbb; padding: 10px 16px 8px; margin: 12px 0; break-inside: avoid; }
.entry.bad { border: 2px solid #b00020; background: #fdecee; }
.entry h3 { margin: 0 0 6px; display: flex; justify-content: space-between; gap: 16px; }
.entry dl { margin: 0; font-size: 14px; }
.ok { color: #1f6b3a; font-weight: normal; } .no { color: #b00020; font-weight: bold; }
.hash, code, pre { font-family: "DejaVu Sans Mono", Consolas, monospace; font-size: 11px; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; border: 1px solid #bbb; background: #fafafa; padding: 10px 14px; }
.small { font-size: 12px; color: #555; }
footer { margin-top: 48px; border-top: 3px double #1a1a1a; padding-top: 10px; }
@media print { body { padding: 0; max-width: none; } html { font-size: 10.5pt; } table { font-size: 8.5pt; } }
@media (max-width: 700px) { body { padding: 20px 14px; } dl { grid-template-columns: 1fr; } dd { margin-bottom: 6px; } table { font-size: 12px; } }
"""


def page(story, verdict):
    sections = [
        ("What was shown", shown(story, verdict)),
        ("Consent: every yes and every no", ledger(story, verdict)),
        ("Opt-outs", opt_outs(story)),
        ("Replies, and what was made of them", replies(story)),
        ("Texts", texts(story)),
        ("How the verdict was reached", method(verdict)),
    ]
    body = "".join(f"<section><h2>{n}. {title}</h2>{content}</section>" for n, (title, content) in enumerate(sections, 1))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="robots" content="noindex"><title>Proof of consent: {text(story.person)}</title><style>{STYLE}</style></head><body>'
        f"{heading(story)}<main>{verdict_box(verdict)}{erasure_note(story)}{summary(story, verdict)}{body}</main>{footer(story)}</body></html>\n"
    )


def heading(story):
    return (
        "<header><h1>Proof of consent to text messages</h1>"
        '<p class="sub">AllThrive SMS: the record of one person, as the system of record keeps it</p>'
        + fields(
            [
                ("Person", f"user <strong>{text(story.person)}</strong>"),
                ("Phone numbers", ", ".join(text(phone) for phone in story.phones) or "none on record"),
                ("Prepared", f"{when(story.made_at.strftime('%Y-%m-%dT%H:%M:%SZ'))}"),
                ("Source", text(story.stack)),
            ]
        )
        + "</header>"
    )


def verdict_box(verdict):
    if verdict.is_whole:
        count = len(verdict.entries)
        words = f"All {count} entries are" if count > 1 else "The one entry is" if count else "There is no entry, and none is missing: the record is"
        return f'<div class="verdict"><strong>The consent record is whole.</strong><p>{words} unchanged, in order, and complete to the last. How this was checked: section 6.</p></div>'
    findings = "".join(f"<li>{text(finding)}</li>" for finding in verdict.findings)
    return (
        '<div class="verdict broken" role="alert"><strong>THE CONSENT RECORD IS BROKEN.</strong>'
        f"<p>It is not the record as it was written. Do not rely on it.</p><ul>{findings}</ul></div>"
    )


def erasure_note(story):
    if not story.erasures:
        return ""
    notes = []
    for erasure in story.erasures:
        notes.append(
            f"On {when(erasure['at'])} everything about this person was erased but the opt-outs of their numbers and the consent ledger up to entry "
            f"{int(erasure['ledger']['seq'])}, which is kept sealed until {when(erasure['kept_until'])}. Texts and replies of before are not kept any more."
        )
    if not story.is_erased:
        notes.append("Since then the person has come back by proving a phone number; what follows the seal is of that time.")
    return f'<div class="note">{"".join(f"<p>{note}</p>" for note in notes)}</div>'


def summary(story, verdict):
    consents = [entry for entry in verdict.entries if entry.get("action") in ("given", "revoked")]
    last = consents[-1] if consents else None
    state = f"{ACTIONS[last['action']].lower()} on {when(last['at'])}, by {METHODS.get(last['method'], text(last['method']))}" if last else "none was ever recorded"
    counts = {}
    for message in story.messages:
        counts[message["status"]] = counts.get(message["status"], 0) + 1
    sent = ", ".join(f"{count} {text(status)}" for status, count in sorted(counts.items())) or "none"
    cost = sum(paid(message) or 0 for message in story.messages)
    return fields(
        [
            ("Consent, last word", state),
            ("Consent ledger", f"{len(verdict.entries)} entries"),
            ("Texts", f"{len(story.messages)} ({sent})"),
            ("Replies", str(len(story.replies))),
            ("Charged for texts", dollars(cost)),
        ]
    )


def shown(story, verdict):
    versions = {}
    for entry in verdict.entries:
        if entry.get("disclosure_version"):
            versions.setdefault((entry["disclosure_version"], entry.get("wording")), []).append(entry)
    if not versions:
        return "<p>No entry of the ledger names a disclosure that was on the screen.</p>"
    return "".join(disclosure(story, version, wording, entries) for (version, wording), entries in versions.items())


def disclosure(story, version, wording, entries):
    kept = story.disclosures.get(version)
    if kept is None:
        compared = '<span class="no">the system has no disclosure of that version today</span>'
    elif kept == wording:
        compared = f'<span class="ok">word for word the file disclosures/{text(version)}.txt of the system</span>'
    else:
        compared = f'<span class="no">not the words of disclosures/{text(version)}.txt</span>'
    seqs = ", ".join(f"entry {int(entry['seq'])} ({when(entry['at'])})" for entry in entries)
    return f"<h3>Disclosure {text(version)}</h3><blockquote>{text(wording or 'no words were kept')}</blockquote><p class=\"small\">Shown with {seqs}; {compared}.</p>"


def ledger(story, verdict):
    if not verdict.entries:
        return "<p>The ledger has no entry: this person never agreed to anything.</p>"
    return "".join(entry_box(entry, int(entry["seq"]) in verdict.bad) for entry in verdict.entries)


def entry_box(entry, bad):
    action, mark = ACTIONS.get(entry.get("action"), entry.get("action")), '<span class="no">does not fit the chain</span>' if bad else '<span class="ok">fits the chain</span>'
    words = entry.get("wording")
    about = "words on the screen" if entry.get("disclosure_version") else "words texted to us" if entry.get("method") == "sms_keyword" else "words"
    rows = [
        ("When", when(entry.get("at"))),
        ("How", METHODS.get(entry.get("method"), text(entry.get("method")))),
        ("Phone number", text(entry.get("phone"))),
        ("IP address", text(entry.get("ip"))),
        ("Browser", text(entry.get("user_agent"))),
        ("Disclosure", text(entry.get("disclosure_version"))),
        (about.capitalize(), f"“{text(words)}”" if words else None),
        ("Hash of the one before", f'<span class="hash">{text(entry.get("previous"))}</span>'),
        ("Hash", f'<span class="hash">{text(entry.get("hash"))}</span>'),
    ]
    return f'<div class="entry{" bad" if bad else ""}"><h3><span>Entry {int(entry["seq"])}: {text(action)}</span>{mark}</h3>{fields([(name, value) for name, value in rows if value])}</div>'


def opt_outs(story):
    rows = [(phone, story.opt_outs.get(phone)) for phone in story.phones]
    said = [(phone, row) for phone, row in rows if row]
    silent = [text(phone) for phone, row in rows if not row]
    parts = [table(["Number", "Opted out of", "Since", "How", "Rule", "Last change"], [opt_out(phone, row) for phone, row in said])] if said else []
    if silent:
        parts.append(f"<p>Nobody ever opted out with {', '.join(silent)}.</p>")
    parts.append('<p class="small">As it stands now. How it came to that: the entries of section 2 and the replies of section 4.</p>')
    return "".join(parts)


def opt_out(phone, row):
    categories = ", ".join(sorted(row.get("categories", [])))
    what = "everything" if row.get("everything_since") else categories or "nothing any more"
    rule = row.get("rule", "")
    if row.get("relisting_refused"):
        rule += f"; wants texts again, but AWS keeps the number on its list: {row['relisting_refused']}"
    return [text(phone), text(what), when(row.get("everything_since")), METHODS.get(row.get("method"), text(row.get("method"))), text(rule), when(row.get("updated_at"))]


def replies(story):
    if not story.replies:
        return "<p>None of the numbers has a reply on record.</p>"
    rows = []
    for reply in story.replies:
        theirs = "" if story.is_theirs(reply["phone"], reply["received_at"]) else '<br><span class="small">not within the time in which the number is known to have been theirs</span>'
        done = when(reply["obeyed_at"]) if reply.get("obeyed_at") else '<span class="no">not yet</span>'
        rows.append([when(reply["received_at"]), text(reply["phone"]) + theirs, text(reply["body"]), text(MEANINGS.get(reply["meaning"], reply["meaning"])), text(reply["rule"]), done])
    return table(["Received", "From", "Text", "Taken for", "By the rule", "Obeyed"], rows)


def texts(story):
    if not story.messages:
        return "<p>No text is on record.</p>"
    rows = [[when(m["created_at"]), kind(m), text(m.get("body")) or words_missing(m), outcome(m), number(m.get("parts")), price(m)] for m in story.messages]
    return table(["Decided", "Kind", "Words", "What became of it, and why", "Parts", "Price"], rows, right={4, 5})


def kind(message):
    return f"{text(message['type'].replace('_', ' '))}<br><span class=\"small\">{text(message['class'])}; to {text(message.get('phone') or 'no number')}</span>"


def words_missing(message):
    return '<span class="small">a verification code; codes are kept nowhere</span>' if message["type"] == "phone_verification" else '<span class="small">none were written</span>'


def outcome(message):
    refused = next((gate for gate in message.get("gates", []) if gate["verdict"] == "fail"), None)
    why = f"gate {refused['gate']}{': ' + refused['detail'] if refused.get('detail') else ''}" if refused else message.get("delivery_detail")
    passed = [gate["gate"] for gate in message.get("gates", []) if gate["verdict"] == "pass"]
    history = " → ".join(f"{text(change['status'])} {when(change['at'], short=True)}" for change in message.get("changes", []))
    lines = [f"<strong>{text(message['status'])}</strong>{': ' + text(why) if why else ''}", f'<span class="small">{history}</span>']
    if passed:
        lines.append(f'<span class="small">passed: {text(", ".join(passed))}</span>')
    if message.get("carrier"):
        lines.append(f'<span class="small">carrier: {text(message["carrier"])}</span>')
    return "<br>".join(lines)


def paid(message):
    return int(message["price"]) + int(message.get("carrier_fee", 0)) if "price" in message else None


def price(message):
    if (micro := paid(message)) is not None:
        return dollars(micro)
    went = message["status"] in ("sent", "unknown", "sending") and "estimated_price" in message
    return f"{dollars(int(message['estimated_price']))}<br><span class=\"small\">estimated</span>" if went else "none"


def method(verdict):
    example = verdict.entries[0] if verdict.entries else None
    shown_example = (
        f"<p>For entry {int(example['seq'])} that text is</p><pre>{text(canonical(example))}</pre>"
        f"<p>and its SHA-256 is <span class=\"hash\">{hashlib.sha256(canonical(example).encode()).hexdigest()}</span>.</p>"
        if example
        else ""
    )
    return (
        "<p>Every yes and no is an entry in a table to which the system only ever adds. Each entry has the hash of the entry before it, "
        "so that none can be changed, removed, inserted or moved without every later hash being another. The hash and the place of the last entry are also in the person’s row in "
        "another table, written in the same transaction as the entry, so that none can be cut off at the end.</p>"
        "<p>This page did not take the system’s word for it. The program that wrote it read the rows and worked out each hash anew:</p><ol>"
        "<li>Take the fields <code>user_id</code>, <code>seq</code>, <code>previous</code>, <code>hash</code>, <code>at</code>, <code>action</code>, <code>method</code>, <code>phone</code>, "
        "<code>ip</code>, <code>user_agent</code>, <code>disclosure_version</code>, <code>wording</code>, in this order, without those that the entry does not have; <code>hash</code> is the empty text.</li>"
        "<li>Write them as JSON without spaces, in UTF-8 with only quotation marks, backslashes and control characters escaped.</li>"
        "<li>Their SHA-256 (FIPS 180-4), as 64 hexadecimal digits, has to be the entry’s <code>hash</code>.</li>"
        "<li><code>seq</code> has to count up by one from 1, and <code>previous</code> has to be the hash of the entry before, 64 zeros for the first. "
        "Where sealed entries were forgotten because their time was over, both go on from the seal that the person’s row names.</li>"
        "<li>The last entry has to be the one that the person’s row names.</li></ol>"
        f"{shown_example}"
        "<p>What this cannot show: whoever has an administrator’s rights to both tables could write the whole chain anew. Against that stand the account’s own records, "
        "which are not part of this page: CloudTrail, and the continuous backups of the tables.</p>"
    )


def footer(story):
    return (
        '<footer class="small"><p>All times are UTC. Prices are in US dollars with the carrier’s fee, as AWS reported them; estimated ones are marked. Verification codes are never stored, so that no page can show one. '
        "Texts and replies are kept for about 400 days, the ledger without end, or, of an erased person, until the date above.</p></footer>"
    )


def fields(rows):
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{value}</dd>' for name, value in rows)}</dl>"


def table(heads, rows, right=frozenset()):
    def cell(tag, n, value):
        names = " ".join(name for name, has in (("right", n in right), ("when", n == 0 and tag == "td")) if has)
        return f"<{tag}{f' class={chr(34)}{names}{chr(34)}' if names else ''}>{value}</{tag}>"

    head = "".join(cell("th", n, name) for n, name in enumerate(heads))
    body = "".join(f"<tr>{''.join(cell('td', n, value) for n, value in enumerate(row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def text(value):
    return "" if value is None else escape(str(value))


def number(value):
    return "" if value is None else str(int(value))


def when(instant, short=False):
    """`2026-11-22T10:00:00.123Z` for people; the machine's own form stays in the title."""
    if not instant:
        return ""
    day, _, clock = str(instant).rstrip("Z").partition("T")
    return f'<time datetime="{text(instant)}">{text(clock[:8]) if short else f"{text(day)} {text(clock)} UTC"}</time>'


def dollars(micro):
    return f"${micro / 1_000_000:.5f}"
