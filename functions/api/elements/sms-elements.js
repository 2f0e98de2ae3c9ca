/* <sms-opt-in> asks a person for consent to texts; <sms-settings> lets them change it later.
   Attributes: api (else where this script is from), lang (en, es; else the page's), member-since (RFC 3339).
   Properties: token, or getToken(): fetches one, called anew when it expired. Method: refresh().
   Events: sms-shown, -dismissed, -remind-later, -verified, -opted-in, -closed, -changed, -error (detail {type, status}).
   Look: the page's font and color-scheme; --sms-accent, -on-accent, -surface, -text, -error, -radius. */
{
const HOME = document.currentScript?.src.replace(/\/[^/]*$/, '');

// English | Spanish
const WORDS = {
  title: 'Texts from AllThrive | Mensajes de AllThrive',
  pitch: 'Know at once when you are challenged or a battle ends. | Entérate si te retan o termina una batalla.',
  enable: 'Enable texts | Activar mensajes',
  later: 'Remind me later | Más tarde',
  no: 'No thanks | No, gracias',
  close: 'Close | Cerrar',
  retry: 'Try again | Reintentar',
  number: 'Mobile number | Número de móvil',
  hint: 'A US number. | De EE. UU.',
  send: 'Text me a code | Enviarme un código',
  code: 'Six-digit code | Código de seis cifras',
  sent: 'Sent to {}. | Enviado al {}.',
  verify: 'Verify | Verificar',
  resend: 'Send it again | Enviarlo otra vez',
  change: 'Change number | Cambiar número',
  verified: '{} is verified. | {} está verificado.',
  on: 'Texts are on. Reply STOP to end them. | Ya están activados. Responde STOP para terminar.',
  battleInvitations: 'Battle invitations | Invitaciones a batallas',
  battleResults: 'Battle results | Resultados de batallas',
  battleReminders: 'Battle reminders | Recordatorios de batallas',
  streakAlerts: 'Streak alerts | Avisos de racha',
  directMessages: 'Direct messages | Mensajes directos',
  achievements: 'Achievements | Logros',
  timeZone: 'Time zone | Zona horaria',
  locale: 'Language of texts | Idioma de los mensajes',
  saved: 'Saved. | Guardado.',
  invalid: 'Give all digits. | Escribe todas las cifras.',
  'country-not-allowed': 'US numbers only. | Solo números de EE. UU.',
  'wrong-code': 'Wrong code. Tries left: {}. | Código incorrecto. Te quedan {}.',
  'code-locked': 'Too many wrong codes. Ask for a new one. | Demasiados errores. Pide otro código.',
  'code-expired': 'It has expired. Ask for a new code. | Ha caducado. Pide otro código.',
  'too-many-codes': 'Too many codes. Try again in {} min. | Demasiados códigos. Inténtalo en {} min.',
  'precondition-failed': 'Changed elsewhere. This is how it is now. | Se cambió en otro lugar. Así está ahora.',
  session: 'Your session is over. Reload the page. | Tu sesión terminó. Recarga la página.',
  other: 'That did not work. Try again. | No ha funcionado. Reinténtalo.',
};

const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
:host {
  --accent: var(--sms-accent, light-dark(#0a6650, #5fd3ac)); --on: var(--sms-on-accent, light-dark(#fff, #06241b));
  --paper: var(--sms-surface, light-dark(#fff, #1c2421)); --ink: var(--sms-text, light-dark(#1b2420, #e7ece9));
  --error: var(--sms-error, light-dark(#a82a22, #ff978d)); --round: var(--sms-radius, 12px);
}
#error:empty { display: none; }
[role=status] { position: sticky; bottom: 1em; justify-self: start; padding: 0 1em; border-radius: var(--round); background: var(--ink); color: var(--paper); }
* { box-sizing: border-box; margin: 0; font: inherit; color: inherit; }
section { padding: 1.4em; border-radius: var(--round); background: var(--paper); color: var(--ink); }
section, form { display: grid; gap: 1em; }
dialog { width: min(27em, 100vw - 2em); margin: auto; padding: 0; border: 0; border-radius: var(--round); }
dialog::backdrop { background: #0009; }
h2 { font-size: 1.3em; font-weight: 650; }
small { font-size: .85em; opacity: .8; }
#error { color: var(--error); }
button, input, select { min-height: 2.75em; padding: 0 .9em; border: 1px solid gray; border-radius: var(--round); background: var(--paper); }
button:first-child:not(#change) { background: var(--accent); color: var(--on); }
:disabled { opacity: .6; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
[tabindex] { outline: 0; }
div { display: flex; flex-wrap: wrap; gap: .6em; }
div > * { flex: auto; }
label { display: grid; gap: .3em; font-weight: 600; }
select { min-width: 0; }
.checkbox { grid-template-columns: 1fr 1.5em; }
[type=checkbox] { min-height: 1.5em; accent-color: var(--accent); }
`);

function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const name in props) name in node ? node[name] = props[name] : node.setAttribute(name, props[name]);
  node.append(...children.flat());
  return node;
}
const pretty = (phone) => phone.replace(/^\+1(...)(...)(....)$/, '+1 ($1) $2-$3');

class Texts extends HTMLElement {
  #token; #getToken; #etag; #due;

  constructor() {
    super();
    (this.root = this.attachShadow({ mode: 'open' })).adoptedStyleSheets = [SHEET];
    // What was set before would hide the setters.
    for (const name of ['token', 'getToken']) {
      const early = this[name];
      delete this[name];
      this[name] = early;
    }
  }
  connectedCallback() { this.refresh(); }
  set token(token) { this.#token = token; this.refresh(); }
  set getToken(getToken) { this.#getToken = getToken; this.refresh(); }

  /** Reads anew, if there is a token; once, however much is set. */
  refresh() {
    this.#due ??= Promise.resolve().then(() => {
      this.#due = null;
      this.language = this.closest('[lang]')?.lang.startsWith('es') ? 'es' : 'en';
      if (this.isConnected && (this.#token || this.#getToken)) return this.load();
    }).catch((problem) => this.explain(problem));
  }
  say(key, value) { return WORDS[key].split(' | ')[+(this.language === 'es')].replace('{}', value); }
  tell(name, detail) { this.dispatchEvent(new CustomEvent(`sms-${name}`, { bubbles: true, detail })); }
  explain({ type, status, attemptsLeft, wait }) {
    this.tell('error', { type, status });
    const key = { 401: 'session', 403: 'session', 410: 'code-expired' }[status] ?? type;
    return this.say(WORDS[key] ? key : 'other', attemptsLeft ?? Math.ceil(wait / 60));
  }
  async call(path, body, method = body ? 'POST' : 'GET', again) {
    if (!this.#token || again) this.#token = await this.#getToken();
    const headers = { Authorization: `Bearer ${this.#token}`, 'Content-Type': 'application/json' };
    if (method === 'PATCH') headers['If-Match'] = this.#etag;
    const answer = await fetch(`${this.getAttribute('api') ?? HOME}/v1/me/${path}`, { method, headers, body: body && JSON.stringify(body) });
    const json = await answer.json();
    this.#etag = answer.headers.get('ETag') ?? this.#etag;
    if (answer.ok) return json;
    if (answer.status === 401 && this.#getToken && !again) return this.call(path, body, method, true);
    throw { ...json, type: json.type?.split('/').pop(), wait: answer.headers.get('Retry-After') };
  }
  prompt() {
    const since = this.getAttribute('member-since') ?? '2000-01-01T00:00:00Z';
    return this.call(`opt-in?lang=${this.language}&memberSince=${encodeURIComponent(since)}`);
  }

  /** Shows `nodes` in `place`, and keeps the focus there. */
  stage(place, ...nodes) {
    const focused = this.root.activeElement;
    place.replaceChildren(...nodes);
    if (focused) (place.querySelector('form input') ?? place.querySelector('[tabindex]'))?.focus();
  }
  verified(phone) { return this.say('verified', pretty(phone)); }
  text(words) { return h('p', { tabIndex: -1 }, words); }
  /** A form with a button for each act, which says what they throw. */
  form(acts, nodes, id, hint, props) {
    const error = h('p', { id: 'error', role: 'alert' });
    const input = h('input', { id, 'aria-describedby': 'hint error', ...props });
    const field = id ? [h('label', {}, this.say(id), input), h('small', { id: 'hint' }, hint)] : [];
    const buttons = Object.keys(acts).map((id) => h('button', { id }, this.say(id)));
    const form = h('form', {}, nodes, field, error, h('div', {}, buttons));
    form.onsubmit = async (event) => {
      event.preventDefault();
      if (form.ariaBusy) return;
      form.ariaBusy = 'true';
      error.textContent = '';
      input.ariaInvalid = null;
      try {
        await acts[event.submitter.id](input.value.replace(/[^+\d]/g, ''));
      } catch (problem) {
        error.textContent = this.explain(problem);
        input.ariaInvalid = 'true';
        input.focus();
      }
      form.ariaBusy = null;
    };
    return form;
  }
  /** Asks for a number, then for its code. `this.done` gets it once it is theirs. */
  askNumber(known, acts, nodes = []) {
    const send = async (typed) => {
      const phoneNumber = (typed[0] === '+' ? '' : typed[10] ? '+' : '+1') + typed;
      const start = () => this.call('verifications', { phoneNumber });
      this.askCode(phoneNumber, start, await start(), () => this.askNumber(phoneNumber, acts, nodes));
    };
    this.show(this.form({ send, ...acts }, nodes, 'number', this.say('hint'), { type: 'tel', autocomplete: 'tel', value: pretty(known ?? '') }));
  }
  askCode(phoneNumber, start, started, change) {
    const verify = async (code) => {
      // Else it is used, and something failed later.
      if (started) await this.call('verifications/check', { verificationId: started.verificationId, code });
      started = null;
      this.tell('verified');
      await this.done(phoneNumber);
    };
    const resend = async () => rest(started = await start());
    const form = this.form({ verify, resend, change }, [], 'code', this.say('sent', pretty(phoneNumber)), { inputMode: 'numeric', autocomplete: 'one-time-code' });
    const tick = (end) => {
      const left = Math.ceil((end - Date.now()) / 1000);
      form.resend.disabled = left > 0;
      form.resend.textContent = this.say('resend') + (left > 0 ? ` (${left} s)` : '');
      if (left > 0) setTimeout(tick, 500, end);
    };
    // By a wrong clock it might be hours.
    const rest = () => tick(Math.min(Date.parse(started.resendAfter), Date.now() + 60_000));
    this.show(form);
    rest();
    if (window.OTPCredential) navigator.credentials.get({ otp: { transport: ['sms'] } }).then(({ code }) => {
      form.code.value = code;
      form.requestSubmit(form.verify);
    }, () => {});
  }
}

customElements.define('sms-opt-in', class extends Texts {
  async load() {
    if (this.root.querySelector('[open]')) return;
    const { showPrompt, phoneNumber, phoneVerified, disclosure } = await this.prompt();
    if (!showPrompt) return;
    let end = 'remind-later', phone = phoneVerified && phoneNumber;
    const body = h('section');
    const dialog = h('dialog', { lang: this.language, 'aria-labelledby': 'title', onclose: () => this.tell(end) }, body);
    const small = h('small', {}, disclosure.text);
    const choose = (action) => this.call('opt-in', { action, disclosureVersion: disclosure.version });
    const close = () => dialog.close();
    const later = () => choose('remind_later').then(close);
    const no = () => choose('dismiss').then(() => {
      end = 'dismissed';
      close();
    });
    const enable = async () => {
      if (!phone) return this.askNumber(phoneNumber, { later }, small);
      await choose('opt_in');
      end = 'closed';
      this.show(this.form({ close }, this.text(`${this.verified(phone)} ${this.say('on')}`)));
      this.tell('opted-in');
    };
    this.show = (form) => this.stage(body, h('h2', { id: 'title' }, this.say('title')), form);
    this.done = (number) => enable(phone = number);
    this.root.replaceChildren(dialog);
    dialog.showModal();
    this.show(this.form({ enable, later, no }, [this.text(`${this.say('pitch')} ${phone ? this.verified(phone) : ''}`), small]));
    this.tell('shown');
    await choose('shown');
  }
});

customElements.define('sms-settings', class extends Texts {
  constructor() {
    super();
    document.addEventListener('sms-opted-in', () => this.refresh());
  }
  async load() {
    const panel = h('section', { lang: this.language }, h('h2', {}, this.say('title')));
    try {
      this.fill(panel, await this.call('preferences'), await this.prompt());
    } catch (problem) {
      panel.append(this.form({ retry: () => this.load() }, this.text(this.explain(problem))));
    }
    this.stage(this.root, panel);
  }
  fill(panel, now, { disclosure }) {
    const place = h('article');
    this.show = (form) => this.stage(place, form);
    this.done = () => this.load();
    const close = () => this.show(this.form({ change: () => this.askNumber(now.phoneNumber, { close }) }, this.text(this.verified(now.phoneNumber))));
    now.phoneVerified ? close() : this.askNumber(now.phoneNumber);

    const kinds = Object.keys(now.categories);
    const inputs = {};
    const input = (id, node) => h('label', { className: node.type }, this.say(id), Object.assign(inputs[id] = node, { id }));
    const box = (id) => input(id, h('input', { type: 'checkbox' }));
    const choice = (id, options) => input(id, h('select', {}, options.map((words) => new Option(...words))));
    const status = h('p', { role: 'status' });
    panel.append(place, box('enable'), h('small', {}, disclosure.text), ...kinds.map(box), choice('timeZone', [now.timeZone ?? '', ...Intl.supportedValuesOf('timeZone')].map((zone) => [zone || '—', zone])),
      choice('locale', [['English', 'en'], ['Español', 'es']]), status);

    const update = () => {
      const isOn = now.smsEnabled && now.hasConsent;
      Object.assign(inputs.enable, { checked: isOn, disabled: !isOn && !now.phoneVerified });
      for (const kind of kinds) Object.assign(inputs[kind], { checked: now.categories[kind], disabled: !isOn });
      inputs.timeZone.value = now.timeZone ?? '';
      inputs.locale.value = now.locale?.slice(0, 2) ?? 'en';
    };
    const patch = (id, checked, value) => kinds.includes(id) ? { categories: { [id]: checked } }
      : id === 'enable' ? { smsEnabled: checked, disclosureVersion: disclosure.version } : { [id]: value || null };
    const send = (patch, again) => this.call('preferences', patch, 'PATCH').catch(async (problem) => {
      if (problem.status !== 412 || again) throw problem;
      const seen = JSON.stringify(now);
      now = await this.call('preferences');
      // Perhaps something that nobody sees here.
      if (JSON.stringify(now) !== seen) throw problem;
      return send(patch, true);
    });
    // One after the other: each needs the version that the one before made.
    let queue = Promise.resolve();
    panel.onchange = ({ target: { id, checked, value } }) => {
      if (!inputs[id]) return;
      status.textContent = '';
      queue = queue.then(() => send(patch(id, checked, value))).then((saved) => {
        now = saved;
        status.textContent = this.say('saved');
        this.tell('changed');
      }).catch((problem) => { status.textContent = this.explain(problem); }).then(update);
    };
    update();
  }
});
}
