// The simulator's console: phones as conversations, and the row behind each text, live.
// Texts and rows hold what people typed, so they reach the page as text nodes only.

const PAGE_OF_PEOPLE = 60, PAGE_OF_TEXTS = 100, PAGE_OF_ROWS = 20;
const FINAL = new Set(['delivered', 'undelivered', 'failed', 'suppressed', 'expired', 'merged']);
const QUICK_REPLIES = ['STOP', 'START', 'HELP', 'Please stop texting me'];
const HEALTHY = {
  latency_ms: 0, error_rate: 0, drop_response_rate: 0, parts_per_second: 3, requests_per_second: null, receipt_delay_ms: 200,
  receipt_duplicate_rate: 0, receipt_shuffle: false, spend_limit_usd: null, carrier_handles_stop: true,
};
const FAULTS = [
  ['latency_ms', 'Latency', 'milliseconds before each answer'],
  ['error_rate', 'Errors', 'share of calls that fail inside AWS, 0 to 1', 1],
  ['drop_response_rate', 'Lost answers', 'share of calls that send the text and never answer, 0 to 1', 1],
  ['parts_per_second', 'Parts per second', 'what the number takes; more is throttled'],
  ['requests_per_second', 'Requests per second', 'empty: no limit'],
  ['spend_limit_usd', 'Spend limit', 'US dollars a month; empty: no limit'],
  ['receipt_delay_ms', 'Receipt delay', 'milliseconds from the text to its receipts'],
  ['receipt_duplicate_rate', 'Repeated receipts', 'share of receipts that come twice, 0 to 1', 1],
  ['receipt_shuffle', 'Shuffled receipts', 'they overtake each other'],
  ['carrier_handles_stop', 'Carrier answers STOP', 'as for toll-free numbers; off: that is up to us'],
];
const GATES = {
  schema: 'it is an event of ours', duplicate: 'it was not seen before', recipient: 'we know the person and a number of theirs',
  phone_verified: 'they proved the number', country: 'a country that we may text', opt_out: 'nobody with this number said stop',
  consent: 'they said yes, with this number', master_switch: 'their texts are switched on', category: 'this kind is switched on',
  offline: 'they are not in the app anyway', expiry: 'it is still of use', content: 'it fits into words that we may send',
  quiet_hours: 'it is daytime where they are', user_daily_cap: 'they had few texts today',
  carrier_hourly_cap: 'the number had few texts this hour', budget: 'there is money left this month',
};
const MEANING = {
  pending: 'Waiting in its lane', sending: 'A sender has it', sent: 'AWS has it; no receipt yet',
  undelivered: 'AWS took it, it did not arrive', failed: 'AWS refused it for good', unknown: 'AWS gave no answer: it may have gone out',
  held: 'Waiting for the end of the quiet hours', suppressed: 'A gate said no', expired: 'It stopped being of use', merged: 'It became part of a digest',
};

const state = {
  people: [], phones: new Map(), outcomes: [], samples: [], stats: {}, faults: HEALTHY,
  seen: new Map(), selected: null, shown: PAGE_OF_PEOPLE,
  texts: [], heard: null, tail: PAGE_OF_TEXTS, rows: [], rowLimit: PAGE_OF_ROWS, rowsTrouble: null, awaiting: null, trouble: 'Looking for people…',
};

// ---- Small tools

const $ = (id) => document.getElementById(id);
const on = (id, type, act) => $(id).addEventListener(type, act);

function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(2).filter((child) => child !== undefined && child !== null && child !== false && child !== ''));
  return element;
}

function icon(name) {
  const svg = document.querySelector('svg.icon').cloneNode(true);
  svg.firstElementChild.setAttribute('href', `#i-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  return svg;
}

async function api(path, method = 'GET', body) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const answer = await fetch(path, { method, headers, cache: 'no-store', body: JSON.stringify(body) });
  const text = await answer.text(), json = answer.headers.get('content-type')?.includes('json');
  if (answer.ok) return text ? JSON.parse(text) : null;
  throw new Error((json && JSON.parse(text).detail) || `${answer.status} ${text.slice(0, 200) || answer.statusText}`);
}

/** At most one call of `work` in each `ms`: bursts of live events cost one refresh. */
function soon(work, ms) {
  let timer = null;
  return () => { timer ??= setTimeout(() => { timer = null; work(); }, ms); };
}

/** Makes the children of `parent` those of `items`, building only what is new or changed: scroll, focus and open details survive. */
function keyed(parent, items, key, build) {
  const old = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  const focus = parent.contains(document.activeElement) && document.activeElement.closest('[data-key]')?.dataset.key;
  let place = parent.firstElementChild;
  for (const item of items) {
    const id = key(item), signature = JSON.stringify(item), before = old.get(id);
    let element = before;
    old.delete(id);
    if (before?.signature !== signature) {
      element = Object.assign(build(item, before), { signature });
      element.dataset.key = id;
      if (before === place) place = element;
      if (before !== element) before?.replaceWith(element);
    }
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const element of old.values()) element.remove();
  if (focus && !parent.contains(document.activeElement)) parent.querySelector(`[data-key="${CSS.escape(focus)}"] [data-focus]`)?.focus({ preventScroll: true });
}

const pretty = (phone) => phone.replace(/^\+1(\d{3})(\d{3})(\d{4})$/, '+1 $1 $2 $3');
const words = (name) => String(name ?? '').replace(/^com\.allthrive\.sms\.|\.v\d+$/g, '').replaceAll('_', ' ');
const dollars = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD', minimumFractionDigits: 2, maximumFractionDigits: 6 });
const price = (micros) => (micros === undefined || micros === null ? undefined : dollars.format(Number(micros) / 1e6));
const parts = (n) => (n ? `${n} part${n === 1 ? '' : 's'}` : undefined);
const encoding = (name) => (name === 'UNICODE' ? 'Unicode' : name);
const format = (options) => new Intl.DateTimeFormat(undefined, options);
const clock = format({ hour: '2-digit', minute: '2-digit' }), clockToTheSecond = format({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
const shortDay = format({ day: 'numeric', month: 'short' }), longDay = format({ weekday: 'long', day: 'numeric', month: 'long' });
const dayAndClock = format({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }), fullTime = format({ dateStyle: 'full', timeStyle: 'long' });
const dayOf = (at) => new Date(at).toDateString();
const isToday = (at) => dayOf(at) === new Date().toDateString();
const elapsed = (ms) => (ms < 1000 ? `${ms} ms` : ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`);

function time(at, how) {
  const when = new Date(at);
  if (Number.isNaN(when.getTime())) return null;
  return h('time', { datetime: at, title: fullTime.format(when) }, (how ?? (isToday(at) ? clock : shortDay)).format(when));
}

/** `text` with its links to follow and its instants in local time. */
function told(text) {
  return text.split(/(https:\/\/\S+|\d{4}-\d\d-\d\dT[\d:.]+Z)/).map((piece, i) => (i % 2 === 0 ? piece
    : piece.startsWith('https') ? h('a', { href: piece, target: '_blank', rel: 'noopener noreferrer' }, piece) : time(piece, dayAndClock) ?? piece));
}

function toast(text) {
  clearTimeout(toast.timer);
  $('toast').textContent = text;
  toast.timer = setTimeout(() => { $('toast').textContent = ''; }, 5000);
}

/** Does `work` for an event of the page, and says how it went. */
const attempt = (work, say = toast) => async (event) => {
  event?.preventDefault?.();
  try {
    const said = await work(event);
    if (said) say(said, true);
  } catch (error) {
    say(error instanceof SyntaxError ? `This is not JSON yet: ${error.message}` : `That did not work. ${error.message}`, false);
  }
};

/** What a dialog says of its work. */
const sayIn = (id) => (text, good = true) => {
  $(id).textContent = text;
  $(id).dataset.good = String(good);
};

// ---- Contacts: people, and numbers without a person

function contacts() {
  const known = new Set(state.people.map((person) => person.phone));
  const numbers = [...state.phones.keys(), ...state.outcomes.map((outcome) => outcome.phone)].filter((phone) => !known.has(phone));
  const outcomes = new Map(state.outcomes.map(({ phone, outcome }) => [phone, outcome]));
  return [
    ...state.people.map((person) => contact(person.userId, person.phone, { person })),
    // Nobody's number gets a user id of its own, so that its rows can be found again.
    ...[...new Set(numbers)].map((phone) => contact(`guest-${phone.slice(-4)}`, phone, { outcome: outcomes.get(phone) })),
  ];
}

function contact(userId, phone, more) {
  const { messages = 0, lastAt = '' } = state.phones.get(phone) ?? {};
  return { id: more.person ? userId : phone, userId, phone, messages, lastAt, unread: Math.max(0, messages - (state.seen.get(phone) ?? 0)), ...more };
}

const selected = () => contacts().find(({ id }) => id === state.selected);
const nameOf = ({ person, userId, phone }) => (person ? userId : pretty(phone));

function matches({ userId, phone, outcome, person }, query) {
  const digits = query.replace(/\D/g, ''), about = person ? lacks(person).join(' ') : `magic ${outcome}`;
  return `${userId} ${phone ?? ''} ${about}`.toLowerCase().includes(query) || (digits.length > 2 && (phone ?? '').includes(digits));
}

function found() {
  const query = $('search').value.trim().toLowerCase();
  // Array.prototype.sort is stable: who has no texts yet stays in the order given.
  return contacts().filter((one) => matches(one, query)).sort((a, b) => (a.lastAt < b.lastAt ? 1 : a.lastAt > b.lastAt ? -1 : 0));
}

function renderPeople() {
  const all = found(), chosen = all.findIndex(({ id }) => id === state.selected);
  const shown = all.slice(0, state.shown);
  if (chosen >= shown.length) shown.push(all[chosen]);
  const items = shown.map((one) => ({ ...one, current: one.id === state.selected })), magic = items.findIndex((one) => one.outcome && !one.lastAt);
  if (magic >= 0) items.splice(magic, 0, { id: 'magic', heading: 'Numbers with a fixed fate' });
  keyed($('people'), items, ({ id }) => id, (item) => (item.heading ? h('li', { class: 'heading' }, item.heading) : contactItem(item)));
  const entry = contactButtons().find((button) => button === document.activeElement || (button.ariaCurrent && !$('people').contains(document.activeElement)));
  setEntry(entry ?? contactButtons()[0]);
  const rest = all.length - shown.length;
  $('people-note').textContent = !state.people.length ? state.trouble : !all.length ? 'Nobody by that name or number.' : rest > 0 ? `${rest} more: scroll, or type to find them.` : '';
  const unread = all.filter((one) => one.unread).length;
  document.title = `${unread ? `(${unread}) ` : ''}AllThrive SMS console`;
  renderWho();
}

function contactItem(one) {
  const { id, userId, phone, person, outcome, lastAt, unread, current } = one;
  const initial = person ? userId[0].toUpperCase() : '#';
  const tint = [...userId].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 6;
  return h('li', {}, h('button', { type: 'button', class: 'contact', 'data-testid': `person-${userId}`, 'data-focus': true, 'aria-current': current && 'true', onclick: () => open(id) },
    h('span', { class: 'avatar', 'data-tint': tint, 'aria-hidden': 'true' }, initial),
    h('span', { class: 'contact-name' }, nameOf(one)),
    lastAt && time(lastAt),
    h('span', { class: 'contact-note' },
      h('span', {}, person ? [phone ? pretty(phone) : 'no number', ...lacks(person)].join(' · ') : outcome ?? 'nobody we know'),
      unread > 0 && h('span', { class: 'unread' }, String(unread), h('span', { class: 'sr' }, ' unread')))));
}

function lacks({ verified, consent, smsEnabled }) {
  return [!verified && 'unverified', !consent && 'no consent', consent && !smsEnabled && 'texts off'].filter(Boolean);
}

const contactButtons = () => [...$('people').querySelectorAll('.contact')];

/** The one contact that Tab reaches; the keys lead from there to the others. */
function setEntry(entry) {
  for (const button of contactButtons()) button.tabIndex = button === entry ? 0 : -1;
}

function step(by) {
  const at = contactButtons().indexOf(document.activeElement);
  if (at + by >= contactButtons().length - 1) morePeople();
  const buttons = contactButtons();
  (at < 0 ? buttons.find((button) => button.tabIndex === 0) : buttons[Math.min(Math.max(0, at + by), buttons.length - 1)])?.focus();
}

function morePeople() {
  if (state.shown >= state.people.length + state.phones.size + state.outcomes.length) return;
  state.shown += PAGE_OF_PEOPLE;
  renderPeople();
}

function open(id, view = 'thread') {
  const before = state.selected, one = contacts().find((each) => each.id === id);
  if (!one) return;
  // A number without a person takes nothing but a code.
  if (!one.person) $('publish-type').value = 'phone_verification';
  else if (before && !selected()?.person) $('publish-type').value = 'battle_invitation';
  state.selected = id;
  if (one.phone) history.replaceState(null, '', `#/${one.phone}`);
  $('publish-person').value = one.userId;
  if (before !== id) {
    Object.assign(state, { texts: [], tail: PAGE_OF_TEXTS, rows: [], rowLimit: PAGE_OF_ROWS, rowsTrouble: null });
    $('rows').replaceChildren();
    $('rows-empty').hidden = true;
    loadTexts({ fresh: true });
    loadRows();
  }
  show(view ?? document.body.dataset.view);
}

function saw(phone) {
  state.seen.set(phone, state.phones.get(phone)?.messages ?? 0);
}

/** Who looks at a conversation has seen its texts; on a narrow screen it may be behind another pane. */
function look() {
  const phone = $('thread').checkVisibility() && selected()?.phone;
  if (phone) saw(phone);
}

function openFromHash() {
  const phone = location.hash.replace(/%2b/i, '+').match(/^#\/(\+\d{3,15})$/)?.[1];
  if (!phone || selected()?.phone === phone) return Boolean(phone);
  if (!contacts().some((one) => one.phone === phone)) state.phones.set(phone, { phone, messages: 0, lastAt: '' });
  open(contacts().find((one) => one.phone === phone).id);
  return true;
}

function show(view) {
  document.body.dataset.view = view;
  for (const tab of document.querySelectorAll('.tabs button')) tab.ariaCurrent = tab.dataset.view === view ? 'true' : null;
  if (view === 'thread') toBottom();
  look();
  renderPeople();
}

function renderWho() {
  const one = selected();
  if (!one) return;
  $('who-name').textContent = nameOf(one);
  $('who-phone').textContent = one.person ? (one.phone ? pretty(one.phone) : 'No number') : one.outcome ?? 'No person has this number';
  $('rows-of').textContent = one.userId;
  $('reply-input').placeholder = `Reply as ${nameOf(one)}…`;
  const chip = (good, yes, no) => h('li', { 'data-good': String(Boolean(good)) }, icon(good ? 'pass' : 'fail'), good ? yes : no);
  const { verified, consent, smsEnabled } = one.person ?? {};
  $('who-state').replaceChildren(...(one.person ? [chip(verified, 'verified', 'not verified'), chip(consent, 'consents', 'no consent'), chip(smsEnabled, 'texts on', 'texts off')] : []));
}

// ---- The conversation

async function loadTexts({ fresh = false } = {}) {
  const one = selected();
  if (!one?.phone) return renderTexts(fresh);
  const heard = [];
  state.heard = heard;
  if (fresh) renderTexts(true);
  const texts = await api(`/phones/${one.phone}/messages`).catch(() => null);
  if (state.heard !== heard) return;
  state.heard = null;
  if (texts) {
    // What the stream said while the list was on its way may be missing in it.
    state.texts = texts;
    heard.forEach(hear);
  }
  look();
  renderTexts(fresh);
}

const textId = ({ messageId, at, body }) => messageId ?? `${at} ${body}`;

function hear(text) {
  state.heard?.push(text);
  const known = state.texts.find((each) => textId(each) === textId(text));
  if (known) Object.assign(known, text);
  else if (text.body !== undefined) state.texts.push(text);
}

function renderTexts(fresh = false) {
  const before = $('bubbles').lastElementChild, shown = state.texts.slice(-state.tail), items = [];
  shown.forEach((text, i) => {
    if (i === 0 || dayOf(text.at) !== dayOf(shown[i - 1].at)) items.push({ day: dayOf(text.at), at: text.at });
    items.push(text);
  });
  // Another conversation is not news: only what is added to this one is to be read out.
  $('thread').ariaBusy = String(fresh);
  const staysBelow = keepBottom(fresh, () => {
    keyed($('bubbles'), items, (item) => (item.day ? `day ${item.day}` : textId(item)), (item, old) => (item.day ? h('p', { class: 'day' }, longDay.format(new Date(item.at))) : bubble(item, old)));
    $('earlier').hidden = state.texts.length <= state.tail;
    const one = selected(), empty = !state.texts.length && !state.heard && one;
    $('thread-empty').hidden = !empty;
    $('thread-empty').replaceChildren(...(empty ? hint(one) : []));
    renderNews();
  });
  $('thread').ariaBusy = 'false';
  if (!staysBelow && before !== $('bubbles').lastElementChild) $('jump').hidden = false;
}

/** Who reads the newest text goes on to do so; who reads older ones is not moved. */
function keepBottom(always, draw) {
  const { scrollHeight, scrollTop, clientHeight } = $('thread'), atBottom = always || scrollHeight - scrollTop - clientHeight < 60;
  draw();
  if (atBottom) toBottom();
  return atBottom;
}

/** Under the texts: the last event, while it is on its way and when it will not arrive. */
function renderNews() {
  const [row] = state.rows, why = row && explanation(row), latest = row && new Date(row.created_at) > new Date(state.texts.at(-1)?.at ?? 0);
  const coming = isAwaited() ? state.awaiting.type : latest && ['pending', 'sending'].includes(row.status) ? row.type : null;
  const stopped = !coming && latest && why && row.status !== 'sent';
  const signature = coming ?? (stopped ? `${row.message_id} ${row.status}` : ''), news = $('news');
  if (news.signature === signature) return;
  Object.assign(news, { signature, hidden: !signature });
  news.dataset.kind = coming ? 'coming' : 'stopped';
  if (coming) news.replaceChildren(h('span', { class: 'typing', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')), h('span', { class: 'sr' }, `${words(coming)} on its way`));
  else if (stopped) news.replaceChildren(h('p', {}, `${words(row.type)}: `, spelled(why)), h('button', { type: 'button', onclick: () => showRow(row) }, 'See its gates'));
}

const spelled = ({ lead, gate, why }) => [h('b', {}, lead), gate && [': ', h('code', {}, gate)], why && [' — ', ...told(why)]];

function hint(one) {
  const type = $('publish-type').value || 'battle_invitation', what = `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${words(type)}`, missing = one.person ? lacks(one.person).join(', ') : '';
  return [
    h('p', {}, h('strong', {}, 'Nothing yet.')),
    h('p', {}, `Publish ${what} to ${nameOf(one)}`, h('span', { class: 'wide-only' }, ': press ', h('kbd', {}, 'p'), ' then ', h('kbd', {}, '↵')), '.'),
    h('button', { type: 'button', class: 'primary', onclick: attempt(() => publish(prepare(type, one))) }, `Publish ${what}`),
    ...(missing ? [h('p', { class: 'aside' }, `${nameOf(one)}: ${missing}. Publish all the same, and see which gate says no.`)] : []),
  ];
}

function bubble({ direction, body, at, messageId, parts: n, encoding: code, status }, old) {
  const ours = direction === 'to_person', word = (status ?? '').toLowerCase().replaceAll('_', ' ');
  const mark = /^deliver/.test(word) ? 'arrived' : /^(accepted|queued|pending|sent|success)/.test(word) ? 'pass' : 'fail';
  const about = word === 'network' ? 'from the carrier, not from us'
    : h('button', { type: 'button', 'data-focus': true, title: 'Show the row of this text', onclick: () => showRow(state.rows.find((row) => row.provider_message_id === messageId)) }, [parts(n), encoding(code), word].filter(Boolean).join(' · '), icon(mark));
  const meta = h('p', { class: 'meta', 'data-mark': mark }, time(at, clock), ours && about);
  if (!old) return h('div', { class: 'bubble', 'data-testid': 'bubble', 'data-direction': direction }, h('span', { class: 'sr' }, ours ? 'AllThrive: ' : 'The person: '), h('p', { class: 'body' }, ours ? told(body) : body), meta);
  // A new status is news, the text is not: it is neither drawn nor read out again.
  old.querySelector('.meta').replaceWith(meta);
  return old;
}

function toBottom() {
  $('thread').scrollTop = $('thread').scrollHeight;
  $('jump').hidden = true;
}

const reply = attempt(async (body) => {
  const one = selected();
  if (!one?.phone || !body.trim()) return;
  await api(`/phones/${one.phone}/messages`, 'POST', { body });
  if ($('reply-input').value === body) $('reply-input').value = '';
  toBottom();
  if (document.body.dataset.live !== 'on') await loadTexts();
});

// ---- Rows

async function loadRows() {
  clearTimeout(loadRows.timer);
  const one = selected(), turn = (loadRows.turn = {});
  if (!one) return;
  let rows = null, trouble = null;
  try {
    rows = await api(`/console/rows?userId=${encodeURIComponent(one.userId)}&limit=${state.rowLimit}`);
  } catch (error) {
    trouble = error.message;
  }
  if (loadRows.turn !== turn) return;
  Object.assign(state, { rows: rows ?? state.rows, rowsTrouble: trouble });
  settleAwaiting();
  renderRows();
  const moving = trouble || state.rows.some((row) => !FINAL.has(row.status));
  if (!document.hidden && (moving || isAwaited())) loadRows.timer = setTimeout(loadRows, isAwaited() ? 500 : trouble ? 3000 : 1000);
}
const rowsSoon = soon(loadRows, 150);

const isAwaited = () => Boolean(state.awaiting) && state.awaiting.userId === selected()?.userId;

function settleAwaiting() {
  const { awaiting } = state;
  if (!isAwaited()) return;
  if (state.rows.some((row) => (row.event_id ? row.event_id === awaiting.id : row.created_at >= awaiting.since))) state.awaiting = null;
  else if (Date.now() > awaiting.until) {
    state.awaiting = null;
    toast('No row after 15 seconds. Is the producer running? An unreadable event goes to the dead-letter queue.');
  }
}

function renderRows() {
  keyed($('rows'), state.rows, (row) => row.message_id, rowItem);
  const awaited = isAwaited();
  $('awaiting').hidden = !awaited;
  $('awaiting').textContent = awaited ? `${words(state.awaiting.type)}: published, waiting for its row…` : '';
  keepBottom(false, renderNews);
  $('more-rows').hidden = state.rows.length < state.rowLimit;
  $('rows-empty').hidden = Boolean(state.rows.length || awaited);
  $('rows-empty').replaceChildren(...(state.rowsTrouble
    ? [h('p', {}, h('strong', {}, 'The rows cannot be read right now.')), h('p', {}, state.rowsTrouble)]
    : [h('p', {}, h('strong', {}, 'No rows yet.')), h('p', {}, 'Every event becomes a row, also one that is not sent: it says which gate said no.')]));
}

/** The gate that stopped a row and what it said, or what AWS or the carrier said. */
function explanation({ status, gates = [], delivery_status: outcome, delivery_detail: detail }) {
  const gate = gates.findLast(({ verdict }) => verdict === 'fail');
  if (status === 'suppressed' || status === 'expired') return { lead: 'Not sent', gate: gate?.gate, why: gate?.detail ?? detail ?? MEANING[status] };
  if (status === 'delivered') return null;
  return { lead: MEANING[status] ?? status, why: [outcome, detail].filter(Boolean).join(': ') };
}

function rowItem(row, before) {
  const { status, type, created_at: at, gates = [] } = row, why = explanation(row);
  const facts = [parts(row.parts), encoding(row.encoding), price(row.price) ?? (row.estimated_price !== undefined && `about ${price(row.estimated_price)}`)].filter(Boolean).join(' · ');
  const summary = h('summary', { 'data-focus': true },
    h('span', { class: 'status', 'data-status': status }, status),
    h('span', { class: 'type' }, words(type)),
    time(at, isToday(at) ? clockToTheSecond : undefined),
    why && h('span', { class: 'why' }, spelled(why)),
    row.body && h('span', { class: 'excerpt' }, row.body),
    h('span', { class: 'strip' }, h('span', { class: 'dots', 'aria-hidden': 'true' }, gates.map(({ verdict, gate }) => h('i', { 'data-verdict': verdict, title: gate }))), facts));
  const details = h('details', { class: 'row', 'data-testid': 'row', 'data-status': status, 'data-type': words(type).replaceAll(' ', '_'), open: before?.open }, summary);
  const fill = () => details.open && details.children.length === 1 && details.append(...rowDetails(row));
  details.addEventListener('toggle', fill);
  fill();
  return details;
}

function rowDetails(row) {
  const { gates = [], changes = [], data } = row;
  const facts = {
    Parts: row.parts && [row.parts, encoding(row.encoding)].filter(Boolean).join(', '), Estimated: price(row.estimated_price),
    Price: row.price !== undefined && [price(row.price), row.carrier_fee && `and ${price(row.carrier_fee)} for the carrier`].filter(Boolean).join(' '),
    Carrier: row.carrier, Receipt: [row.delivery_status, row.delivery_detail].filter(Boolean).join(': '), Attempts: row.attempts && String(row.attempts),
    Class: [row.class, row.lane && `${row.lane} lane`].filter(Boolean).join(', '), Number: [row.phone_masked, row.country].filter(Boolean).join(', '), Locale: row.locale,
    'AWS id': row.provider_message_id, 'Message id': row.message_id,
  };
  return [
    h('h3', {}, 'Gates'),
    h('ol', { class: 'gates', 'data-testid': 'gates' }, gates.map(({ gate, verdict, detail }) => h('li', { 'data-testid': `gate-${gate}`, 'data-verdict': verdict },
      icon({ pass: 'pass', fail: 'fail', skip: 'skip' }[verdict] ?? 'wait'), h('code', {}, gate), h('span', { class: 'verdict' }, verdict), h('span', { class: 'detail' }, told(detail ?? GATES[gate] ?? ''))))),
    h('h3', {}, 'What happened'),
    h('ol', { class: 'changes' }, changes.map(({ status, at }, i) => h('li', {}, h('span', { class: 'status', 'data-status': status }, status), time(at, clockToTheSecond),
      i > 0 && h('span', { class: 'delta' }, `+${elapsed(new Date(at) - new Date(changes[i - 1].at))}`)))),
    h('h3', {}, 'Text'),
    h('p', { class: 'text' }, row.body ?? (/phone_verification/.test(row.type) ? 'Not kept: there is a code in it.' : 'None: it was stopped before it was put into words.')),
    h('h3', {}, 'Facts'),
    h('dl', { class: 'facts' }, Object.entries(facts).filter(([, value]) => value).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
    data && h('details', { class: 'data' }, h('summary', {}, 'Data of the event'), h('pre', { tabindex: '0' }, JSON.stringify(data, null, 2))),
  ];
}

function showRow(row) {
  if (!row) return toast('No row here has this text: it is older than the rows shown, or was sent by another program.');
  show('rows');
  const details = $('rows').querySelector(`[data-key="${CSS.escape(row.message_id)}"]`);
  details.open = true;
  details.scrollIntoView({ behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  return details.firstElementChild.focus({ preventScroll: true });
}

// ---- Publishing

/** The sample event of `type`, new and for this person. */
function prepare(type, one) {
  const event = structuredClone(state.samples.find((sample) => sample.type === type)?.event);
  if (!event) throw new Error('The sample events are not there yet.');
  delete event.expirytime;
  Object.assign(event, { id: crypto.randomUUID(), time: new Date().toISOString() });
  event.data.user_id = one.userId;
  if (type === 'phone_verification') event.data.phone = one.phone;
  if (type === 'battle_reminder') event.data.ends_at = new Date(Date.now() + 2 * 3_600_000).toISOString();
  return event;
}

function preparedFromBar() {
  const one = contacts().find(({ userId }) => userId === $('publish-person').value);
  if (!one) throw new Error('Choose a person first.');
  return prepare($('publish-type').value, one);
}

async function publish(event) {
  const userId = event.data?.user_id, since = new Date().toISOString();
  await api('/console/events', 'POST', event);
  toast(`Published: ${words(event.type) || 'an event without a type'} to ${userId ?? 'nobody'}.`);
  state.awaiting = { id: event.id, type: event.type, userId, since, until: Date.now() + 15_000 };
  const one = contacts().find((each) => each.userId === userId);
  if (one) open(one.id, document.body.dataset.view === 'rows' ? null : 'thread');
  renderRows();
  rowsSoon();
}

function renderPublish() {
  const types = $('publish-type'), people = $('publish-person');
  if (types.options.length !== state.samples.length) {
    types.replaceChildren(...state.samples.map(({ type }) => h('option', { value: type, selected: type === 'battle_invitation' }, words(type))));
  }
  const all = contacts(), options = (list) => list.map((one) => h('option', { value: one.userId }, one.person ? `${one.userId}${one.phone ? ` (${pretty(one.phone)})` : ''}` : `${pretty(one.phone)}${one.outcome ? `: ${one.outcome}` : ''}`));
  const signature = all.map(({ id }) => id).join(' ');
  if (people.signature === signature) return;
  const value = people.value || selected()?.userId, guests = all.filter(({ person }) => !person);
  people.replaceChildren(...options(all.filter(({ person }) => person)), ...(guests.length ? [h('optgroup', { label: 'Numbers without a person (verification)' }, options(guests))] : []));
  people.signature = signature;
  if (value) people.value = value;
}

// ---- Dialogs: JSON, faults, keys

const sayJson = sayIn('json-result'), sayFaults = sayIn('faults-result');

const editJson = attempt(() => {
  $('json').value = JSON.stringify(preparedFromBar(), null, 2);
  sayJson('');
  $('json-dialog').showModal();
});

const publishJson = attempt(async () => {
  const event = JSON.parse($('json').value), again = state.published === event.id;
  await publish(event);
  state.published = event.id;
  return again ? 'Published again with the same id: there must be no second text, and no second row.' : 'Published. Press again to send the very same event twice.';
}, sayJson);

const renewId = attempt(() => {
  $('json').value = JSON.stringify({ ...JSON.parse($('json').value), id: crypto.randomUUID() }, null, 2);
  return 'A new id: this is another event now.';
}, sayJson);

function renderFaultsBadge() {
  const changed = Object.keys(HEALTHY).filter((name) => name in state.faults && state.faults[name] !== HEALTHY[name]).length;
  $('faults-on').hidden = !changed;
  $('faults-on').textContent = changed;
  $('open-faults').ariaLabel = changed ? `Faults: ${changed} set` : 'Faults';
}

function renderFaults() {
  $('fault-fields').replaceChildren(...FAULTS.map(([name, label, help, max]) => {
    const id = `fault-${name}`, value = state.faults[name], box = typeof HEALTHY[name] === 'boolean', free = HEALTHY[name] === null;
    const kind = box ? { type: 'checkbox', checked: value } : { type: 'number', min: 0, max, step: 'any', value, required: !free, placeholder: free && 'none' };
    return h('div', { class: box ? 'field box' : 'field' },
      h('label', { for: id }, label), h('input', { id, 'aria-describedby': `help-${name}`, ...kind }), h('p', { id: `help-${name}` }, help));
  }));
}

const putFaults = (read, said) => attempt(async () => {
  await api('/faults', 'PUT', read());
  await load('faults');
  renderFaults();
  return said;
}, sayFaults);

function faultsFromForm() {
  return Object.fromEntries(FAULTS.map(([name]) => {
    const input = $(`fault-${name}`);
    return [name, input.type === 'checkbox' ? input.checked : input.value === '' ? null : Number(input.value)];
  }));
}

// ---- Live

function renderStats() {
  const { calls = 0, accepted = 0, delivered = 0, rejected = {} } = state.stats;
  const reasons = Object.entries(rejected), refused = reasons.reduce((sum, [, n]) => sum + n, 0);
  const stat = (name, n, title) => h('div', { 'data-stat': name, 'data-some': String(n > 0), title }, h('dt', {}, name), h('dd', {}, n.toLocaleString()));
  $('stats').replaceChildren(stat('calls', calls, 'Calls of the SMS API'), stat('accepted', accepted, 'Texts that AWS took'), stat('delivered', delivered, 'Texts that arrived'),
    stat('rejected', refused, reasons.map(([name, n]) => `${name}: ${n}`).join('\n') || 'Texts that AWS refused'));
}

const loaders = {
  async people() {
    try {
      state.people = await api('/console/people');
      state.trouble = state.people.length ? '' : 'There are no people yet.';
    } catch (error) {
      state.trouble = `The people cannot be read. ${error.message}`;
      throw error;
    }
  },
  async samples() { state.samples = await api('/console/samples'); },
  async stats() { state.stats = await api('/stats'); },
  async faults() { state.faults = { ...HEALTHY, ...(await api('/faults')) }; },
  async outcomes() { state.outcomes = (await api('/console/outcomes').catch(() => null)) ?? []; },
  async phones() {
    const first = !loaders.phones.done;
    state.phones = new Map((await api('/phones')).map((phone) => [phone.phone, phone]));
    loaders.phones.done = true;
    if (first) for (const phone of state.phones.keys()) saw(phone);
    // A number that was only linked to stays, though nobody texted it yet.
    if (state.selected?.startsWith('+') && !state.phones.has(state.selected)) state.phones.set(state.selected, { phone: state.selected, messages: 0, lastAt: '' });
    for (const [phone, seen] of state.seen) state.seen.set(phone, Math.min(seen, state.phones.get(phone)?.messages ?? 0));
    look();
  },
};

async function load(...names) {
  const results = await Promise.allSettled(names.map((name) => loaders[name]()));
  const failed = names.filter((_, i) => results[i].status === 'rejected');
  renderPeople();
  renderPublish();
  renderStats();
  renderFaultsBadge();
  if (failed.length && document.body.dataset.live === 'on') setTimeout(() => load(...failed).then(openSomebody), 3000);
}

function openSomebody() {
  if (selected()) return;
  if (!openFromHash()) open(contacts()[0]?.id, null);
}

async function refresh() {
  await load(...Object.keys(loaders));
  openSomebody();
  loadTexts();
  loadRows();
}

const peopleSoon = soon(() => load('people'), 1000), peopleLater = soon(() => load('people'), 4000), phonesSoon = soon(() => load('phones'), 3000);
const drawPeople = soon(() => { renderPeople(); renderPublish(); }, 50), drawTexts = soon(() => renderTexts(), 30);

const heard = {
  message({ phone, message }) {
    const { messages = 0 } = state.phones.get(phone) ?? {};
    state.phones.set(phone, { phone, messages: messages + 1, lastAt: message.at });
    if (selected()?.phone === phone) {
      look();
      hear(message);
      drawTexts();
      rowsSoon();
    }
    if (message.direction === 'from_person') {
      // A STOP or START changes who they are to us, once the system has read it.
      peopleSoon();
      peopleLater();
    }
    phonesSoon();
    drawPeople();
  },
  status({ phone, messageId, status }) {
    if (selected()?.phone !== phone) return;
    hear({ messageId, status });
    drawTexts();
    rowsSoon();
  },
  stats(stats) {
    const cleared = (stats.calls ?? 0) < (state.stats.calls ?? 0);
    state.stats = stats;
    renderStats();
    if (cleared) refresh();
  },
};

function listen(wait = 500) {
  const stream = new EventSource('/console/live');
  stream.onopen = () => {
    wait = 500;
    connection('on', 'Live');
    refresh();
  };
  stream.onerror = () => {
    connection('off', 'Reconnecting…');
    // The browser tries again by itself only while the server is silent, not after it answered with an error.
    stream.close();
    setTimeout(listen, wait, Math.min(wait * 2, 4000));
  };
  for (const [name, act] of Object.entries(heard)) stream.addEventListener(name, ({ data }) => act(JSON.parse(data)));
}

function connection(live, text) {
  document.body.dataset.live = live;
  $('live').textContent = text;
  $('lost').textContent = live === 'on' ? '' : 'Connection lost. What you see may be old; trying again…';
}

// ---- Hands on it

function theme(next) {
  if (next) localStorage.setItem('theme', next);
  const now = localStorage.getItem('theme') ?? 'auto';
  document.documentElement.dataset.theme = now;
  $('theme').ariaLabel = `Theme: ${now}`;
  $('theme').title = `Theme: ${now}`;
  $('theme').querySelector('use').setAttribute('href', `#i-${now}`);
}

const keys = {
  '/': () => { show('people'); $('search').select(); },
  j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1),
  r: () => { show('thread'); $('reply-input').focus(); },
  p: () => $('publish-type').focus(),
  e: editJson,
  f: () => $('open-faults').click(),
  '?': () => $('keys-dialog').showModal(),
};

document.addEventListener('keydown', (event) => {
  const at = event.target, writing = at.matches('input, textarea, select');
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape') {
    if (at === $('search')) { at.value = ''; renderPeople(); }
    if (matchMedia('(max-width: 47.5rem)').matches) show('people');
    return contactButtons().find((button) => button.tabIndex === 0)?.focus();
  }
  if (writing && !(at === $('search') && event.key === 'ArrowDown')) return;
  // Arrows belong to what scrolls, where that has the focus.
  if (event.key.startsWith('Arrow') && at.closest('.thread, .rows')) return;
  if (!Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});

on('people', 'focusin', ({ target }) => setEntry(target));
on('search', 'input', () => { state.shown = PAGE_OF_PEOPLE; renderPeople(); $('people').scrollTop = 0; });
on('search', 'keydown', (event) => { if (event.key === 'Enter' && found().length) open(found()[0].id); });
on('people', 'scroll', ({ target }) => { if (target.scrollHeight - target.scrollTop - target.clientHeight < 400) morePeople(); });
on('thread', 'scroll', ({ target }) => { if (target.scrollHeight - target.scrollTop - target.clientHeight < 60) $('jump').hidden = true; });
on('earlier', 'click', () => {
  const fromBottom = $('thread').scrollHeight - $('thread').scrollTop;
  state.tail += PAGE_OF_TEXTS;
  renderTexts();
  $('thread').scrollTop = $('thread').scrollHeight - fromBottom;
});
on('more-rows', 'click', () => { state.rowLimit += PAGE_OF_ROWS; loadRows(); });
on('jump', 'click', toBottom);

$('quick').append(...QUICK_REPLIES.map((text) => h('button', { type: 'button', onclick: () => reply(text) }, text)));
on('reply', 'submit', (event) => { event.preventDefault(); reply($('reply-input').value); });
on('reply-input', 'keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $('reply').requestSubmit();
});

on('publish-type', 'change', () => renderTexts());
on('publish', 'submit', attempt(() => publish(preparedFromBar())));
for (const select of [$('publish-type'), $('publish-person')]) {
  select.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || (CSS.supports('selector(:open)') && select.matches(':open'))) return;
    event.preventDefault();
    $('publish').requestSubmit();
  });
}
on('edit', 'click', editJson);
on('json-form', 'submit', publishJson);
on('json-id', 'click', renewId);
on('json', 'keydown', (event) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) $('json-form').requestSubmit(); });

on('open-faults', 'click', async () => { await load('faults'); sayFaults(''); renderFaults(); $('faults-dialog').showModal(); });
on('faults-form', 'submit', putFaults(faultsFromForm, 'Applied.'));
on('faults-reset', 'click', putFaults(() => HEALTHY, 'All is healthy again.'));
on('open-keys', 'click', () => $('keys-dialog').showModal());
for (const button of document.querySelectorAll('[data-close]')) button.addEventListener('click', () => button.closest('dialog').close());
for (const dialog of document.querySelectorAll('dialog')) dialog.addEventListener('click', ({ target }) => { if (target === dialog) dialog.close(); });

function askToClear(sure) {
  $('clear').querySelector('.label').textContent = sure ? 'Clear all?' : 'Clear';
  $('clear').toggleAttribute('data-sure', sure);
  clearTimeout(askToClear.timer);
  if (sure) askToClear.timer = setTimeout(askToClear, 3000, false);
}
on('clear', 'click', attempt(async () => {
  if (!$('clear').hasAttribute('data-sure')) return askToClear(true);
  askToClear(false);
  await api('/stats', 'DELETE');
  toast('Conversations and counts are cleared. Rows stay: they are in DynamoDB.');
  return refresh();
}));
on('theme', 'click', () => theme({ auto: 'light', light: 'dark', dark: 'auto' }[document.documentElement.dataset.theme]));
for (const tab of document.querySelectorAll('.tabs button')) tab.addEventListener('click', () => show(tab.dataset.view));
window.addEventListener('hashchange', openFromHash);
document.addEventListener('visibilitychange', () => { if (!document.hidden) loadRows(); });
window.addEventListener('focus', loadRows);

theme();
show('people');
renderStats();
refresh();
listen();
