// The demo: what the main app does for the elements, and a phone beside it.

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const A_MONTH = 30 * 24 * 3_600_000;

function h(tag, props, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

async function api(path, body) {
  const answer = await fetch(path, body && { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail ?? `${path} answered ${answer.status}`);
  return said;
}

const attempt = (act) => async (event) => {
  event?.preventDefault();
  try {
    await act(event);
    $('trouble').textContent = '';
  } catch (error) {
    $('trouble').textContent = error.message;
  }
};

// ---- Who is here

const somebodyNew = () => `demo-${crypto.randomUUID().slice(0, 6)}`;
if (!query.get('person')) {
  query.set('person', somebodyNew());
  history.replaceState(null, '', `?${query}`);
}
const person = query.get('person');
const lang = query.get('lang') === 'es' ? 'es' : 'en';
document.documentElement.dataset.theme = query.get('theme') ?? 'auto';
for (const [name, value] of query) if ($('visit').elements[name]) $('visit').elements[name].value = value;
$('me').textContent = person;
$('fresh').onclick = () => {
  $('visit').elements.person.value = somebodyNew();
  $('visit').requestSubmit();
};

/** Everybody has a phone; who has no number in the system yet gets one that depends on nothing but the name. */
let phone = `+1312557${String([...person].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 10_000, 7)).padStart(4, '0')}`;

const ring = () => { $('number').textContent = phone.replace(/^\+1(...)(...)(....)$/, '+1 ($1) $2-$3'); };
ring();

const meet = attempt(async () => {
  const people = await api('console/people');
  $('people').replaceChildren(...people.map(({ userId }) => h('option', { value: userId })));
  phone = people.find(({ userId }) => userId === person)?.phone ?? phone;
  ring();
  await look();
});

// ---- What the main app does for the elements: a token, and since when the person is a member. No more.

const joined = new Date(Date.now() - (query.get('joined') === 'now' ? 0 : A_MONTH)).toISOString();
for (const element of document.querySelectorAll('sms-opt-in, sms-settings')) {
  element.lang = lang;
  if (element.matches('sms-opt-in')) element.setAttribute('member-since', joined);
  element.getToken = async () => (await api('demo/token', { userId: person })).token;
}
for (const name of ['shown', 'dismissed', 'remind-later', 'verified', 'opted-in', 'closed', 'changed', 'error']) {
  document.addEventListener(`sms-${name}`, ({ type, detail }) => {
    $('heard').prepend(h('li', {}, [type, detail && JSON.stringify(detail)].filter(Boolean).join(' ')));
    if (name === 'verified') setTimeout(meet, 500);
  });
}

// ---- The phone and the rows

const seen = {};
/** Draws only what is not drawn already, so that nothing flickers and nothing that is open closes. */
function draw(id, news, nodes) {
  const state = JSON.stringify(news);
  if (seen[id] === state) return false;
  const first = !(id in seen);
  seen[id] = state;
  $(id).replaceChildren(...nodes());
  return !first;
}

const words = (type) => type.replaceAll('_', ' ');
const failed = (row) => row.gates?.find(({ verdict }) => verdict === 'fail');

async function look() {
  const [texts, rows] = await Promise.all([api(`phones/${phone}/messages`), api(`console/rows?userId=${encodeURIComponent(person)}&limit=5`)]);
  const text = ({ direction, body }) => h('p', { className: direction }, body);
  const isNew = draw('texts', texts, () => texts.length ? texts.map(text) : [h('p', { className: 'none' }, 'No texts yet.')]);
  if (isNew) {
    $('texts').scrollTop = $('texts').scrollHeight;
    const last = texts.at(-1);
    if (last?.direction === 'to_person') notify(last.body);
  }
  const open = new Set([...$('rows').querySelectorAll('details[open]')].map(({ id }) => id));
  draw('rows', rows.map(({ message_id, status, gates }) => [message_id, status, gates]), () => rows.map((row) => {
    const gate = failed(row);
    const details = h('details', { id: row.message_id, open: open.has(row.message_id) },
      h('summary', {}, h('span', {}, words(row.type)), h('b', {}, gate ? `${row.status}: ${gate.gate}` : row.status)),
      h('ul', {}, ...(row.gates ?? []).map(({ gate, verdict, detail }) => h('li', { className: verdict }, `${gate}: ${verdict}${detail ? `, ${detail}` : ''}`))));
    Object.assign(details.dataset, { testid: 'row', type: row.type, status: row.status, gate: gate?.gate ?? '' });
    return h('li', {}, details);
  }));
}

function notify(body) {
  $('banner').textContent = body;
  // Shown anew, it lies above a dialog that was opened since.
  if ($('banner').matches(':popover-open')) $('banner').hidePopover();
  $('banner').showPopover();
  clearTimeout(notify.timer);
  notify.timer = setTimeout(() => $('banner').hidePopover(), 12_000);
}

const answer = (body) => api(`phones/${phone}/messages`, { body });
$('reply').onsubmit = attempt(async () => {
  await answer($('reply').elements.body.value);
  $('reply').reset();
});
$('stop').onclick = attempt(() => answer('STOP'));
$('invite').onclick = attempt(async () => {
  const { event } = (await api('console/samples')).find(({ type }) => type === 'battle_invitation');
  delete event.expirytime;
  Object.assign(event, { id: crypto.randomUUID(), time: new Date().toISOString() });
  event.data.user_id = person;
  await api('console/events', event);
});

await meet();
setInterval(() => { if (!document.hidden) attempt(look)(); }, 1000);
