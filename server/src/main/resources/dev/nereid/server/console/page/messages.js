// Requests that failed, and the log.
import { h, setText } from './dom.js';
import { ask, messageOf } from './feed.js';
import { time } from './format.js';
import { state } from './state.js';

/** @returns {{ element: HTMLElement, title: string, update: () => void }} */
export function failuresView() {
  const body = h('tbody');
  const empty = h('p', { class: 'soft' }, 'No request has failed, as far as this server remembers.');
  const element = h('section', {}, h('h1', {}, 'Failed requests'), empty,
    h('table', { class: 'cards' }, h('caption', { class: 'unseen' }, 'Requests that failed, the latest first'),
      h('thead', {}, h('tr', {}, ...['Last', 'Times', 'Request', 'Kind', 'Message'].map((name) => h('th', { scope: 'col' }, name)))), body));
  /** @type {unknown} */
  let shown = null;

  function update() {
    if (shown === state.failures) {
      return;
    }
    shown = state.failures;
    empty.hidden = state.failures.length > 0;
    body.replaceChildren(...state.failures.map((failure) => h('tr', {},
      h('td', { 'data-label': 'Last' }, time(failure.time)), h('td', { 'data-label': 'Times' }, String(failure.count)),
      h('td', { 'data-label': 'Request' }, failure.request), h('td', { 'data-label': 'Kind' }, failure.code),
      h('td', { 'data-label': 'Message', class: 'reason' }, failure.message))));
  }

  update();
  return { element, title: 'Failures', update };
}

/** @returns {{ element: HTMLElement, title: string, update: () => void }} */
export function logView() {
  const filter = h('input', { type: 'search', oninput: () => { shown = null; update(); } });
  const lines = h('pre', { class: 'log', tabindex: '0', role: 'region', 'aria-label': 'Last lines of the log' });
  const message = h('p', { role: 'status' });
  const verbose = h('select', { onchange: () => setLevel() }, ...['0', '1', '2'].map((level) => h('option', {}, level)));
  const level = h('label', { hidden: true }, 'Verbose level', verbose);
  const element = h('section', {}, h('h1', {}, 'Log'), h('div', { class: 'tools' },
    h('label', {}, 'Show lines that contain', filter), level), message, lines);
  /** @type {unknown} */
  let shown = null;
  let isAsked = false;

  async function setLevel() {
    try {
      await ask('v2/logging', { method: 'POST', body: JSON.stringify({ log_verbose_level: Number(verbose.value) }) });
      message.className = '';
      message.textContent = `the verbose level is ${verbose.value} now`;
    } catch (e) {
      message.className = 'bad';
      message.textContent = messageOf(e);
    }
  }

  async function showLevel() {
    try {
      const settings = await ask('v2/logging');
      verbose.value = String(Math.min(2, settings.log_verbose_level));
      level.hidden = false;
    } catch {
      // Restricted: it can't be changed either.
    }
  }

  function update() {
    if (state.server?.write && !isAsked) {
      isAsked = true;
      showLevel();
    }
    if (shown === state.log) {
      return;
    }
    shown = state.log;
    const text = filter.value.toLowerCase();
    const isAtEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 4;
    setText(lines, state.log.filter((line) => line.toLowerCase().includes(text)).join('\n') || 'No lines.');
    if (isAtEnd) {
      lines.scrollTop = lines.scrollHeight;
    }
  }

  update();
  return { element, title: 'Log', update };
}
