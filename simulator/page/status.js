// The status page: draws what /console/status says, every few seconds.

const EVERY_MS = 4000;
const SEEN = 150; // ten minutes of depths
const ORDER = ['delivered', 'sent', 'undelivered', 'failed', 'unknown', 'held', 'pending', 'sending', 'suppressed', 'expired', 'merged'];

const $ = (id) => document.getElementById(id);
const seen = [];

function h(tag, props, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

function svg(tag, attributes, text = '') {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
}

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
const dollars = (micro) => `$${(micro / 1e6).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 4 })}`;
const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : '–');
const list = (id, pairs) => $(id).replaceChildren(...pairs.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, String(value))]));
const legend = (id, entries) => $(id).replaceChildren(...entries.map(([className, text]) => h('li', { className }, text)));

function draw(id, label, nodes) {
  $(id).setAttribute('aria-label', label);
  $(id).replaceChildren(...nodes);
}

/** A line at the bottom, and the greatest value at the top. */
const frame = (width, height, most) => [
  svg('line', { class: 'axis', x1: 0, x2: width, y1: height, y2: height }),
  svg('text', { x: 0, y: 9 }, most),
];

/** One row a type, one column for each status that there is. */
function types(types) {
  const statuses = ORDER.filter((status) => Object.values(types).some((counts) => counts[status]));
  const head = h('tr', {}, h('th', { scope: 'col' }, 'Type'), ...statuses.map((status) => h('th', { scope: 'col' }, status)));
  const row = ([type, counts]) =>
    h('tr', {}, h('th', { scope: 'row' }, type), ...statuses.map((status) => h('td', {}, String(counts[status] ?? ''))));
  $('types').replaceChildren(h('thead', {}, head), h('tbody', {}, ...Object.entries(types).map(row)));
}

function texts({ minutes, parts, codes, waits, throttled }) {
  const totals = ORDER.map((status) => [status, sum(minutes.map((minute) => minute[status] ?? 0))]).filter(([, count]) => count);
  const most = Math.max(1, ...minutes.map((minute) => sum(Object.values(minute))));
  const nodes = frame(600, 145, most);
  minutes.forEach((minute, place) => {
    let top = 145;
    for (const status of ORDER.filter((status) => minute[status])) {
      const height = (130 * minute[status]) / most;
      top -= height;
      const bar = svg('rect', { class: `bar ${status}`, x: place * 10 + 1, y: top, width: 8, height });
      bar.append(svg('title', {}, `${minute[status]} ${status}`));
      nodes.push(bar);
    }
  });
  nodes.push(svg('text', { x: 0, y: 158 }, 'an hour ago'), svg('text', { x: 600, y: 158, 'text-anchor': 'end' }, 'now'));
  draw('texts', totals.map(([status, count]) => `${count} ${status}`).join(', ') || 'no texts', nodes);
  legend('outcomes', totals.map(([status, count]) => [status, `${count} ${status}`]));
  const count = Object.fromEntries(totals);
  const [arrived, lost] = [count.delivered ?? 0, count.undelivered ?? 0];
  list('figures', [
    ['Texts', sum(Object.values(count))],
    ['Message parts', parts],
    ['Delivered, of those that came to their end', percent(arrived, arrived + lost)],
    ['A gate said no', count.suppressed ?? 0],
    ['Codes that came back', `${codes.back} of ${codes.asked} (${percent(codes.back, codes.asked)})`],
    ['Longest wait in the urgent lane', `${waits.urgent} s`],
    ['Longest wait in the bulk lane', `${waits.bulk} s`],
    ['Throttled calls, since the start', throttled],
  ]);
}

function money(spend) {
  if (!spend) return list('money', [['Budget', 'unknown: MONTHLY_BUDGET is not set']]);
  const most = Math.max(spend.budget, spend.forecast, 1);
  const x = (micro) => (300 * micro) / most;
  const mark = (className, micro) => svg('line', { class: className, x1: x(micro), x2: x(micro), y1: 10, y2: 50 });
  draw('spend', `${dollars(spend.committed)} of ${dollars(spend.budget)} spent or reserved, forecast ${dollars(spend.forecast)}`, [
    svg('rect', { class: 'track', x: 0, y: 20, width: 300, height: 20, rx: 4 }),
    svg('rect', { class: 'bar committed', x: 0, y: 20, width: x(spend.committed), height: 20, rx: 4 }),
    svg('rect', { class: 'bar settled', x: 0, y: 20, width: x(spend.settled), height: 20, rx: 4 }),
    mark('forecast', spend.forecast),
    mark('budget', spend.budget),
  ]);
  list('money', [
    ['Settled', dollars(spend.settled)],
    ['Spent or reserved', dollars(spend.committed)],
    ['Forecast for the end of the month', dollars(spend.forecast)],
    ['Budget', `${dollars(spend.budget)} (${percent(spend.committed, spend.budget)} used)`],
  ]);
}

function lanes(queues) {
  seen.push(queues);
  seen.splice(0, seen.length - SEEN);
  const depth = (queue) => queue.waiting + queue.inFlight + queue.delayed;
  const most = Math.max(1, ...seen.flat().map(depth));
  const curve = ({ name }, lane) => {
    const points = seen.map((then, place) => `${(600 * (SEEN - seen.length + place)) / (SEEN - 1)},${118 - (105 * depth(then[lane])) / most}`);
    return svg('polyline', { class: `curve ${name}`, points: points.join(' ') });
  };
  const said = ({ name, waiting, inFlight, delayed }) => `${name}: ${waiting} waiting, ${inFlight} in work, ${delayed} put off`;
  draw('lanes', queues.map(said).join('; '), [...frame(600, 118, most), ...queues.map(curve)]);
  legend('queues', queues.map((queue) => [queue.name, said(queue)]));
}

async function refresh() {
  try {
    const answer = await fetch('/console/status');
    const figures = await answer.json();
    if (!answer.ok) throw new Error(figures.detail ?? `The simulator answered ${answer.status}.`);
    texts(figures);
    types(figures.types);
    money(figures.spend);
    lanes(figures.queues);
    $('trouble').textContent = '';
  } catch (error) {
    $('trouble').textContent = error.message;
  }
  setTimeout(refresh, EVERY_MS);
}

refresh();
