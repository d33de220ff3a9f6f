// The list of models.
import { announce, h, setText } from './dom.js';
import { ask, messageOf } from './feed.js';
import { duration, number } from './format.js';
import { keyOf, state } from './state.js';

const COLUMNS = ['Model', 'Version', 'State', 'Requests/s', 'p50', 'p99', 'Failures/s', 'Queued', 'Busy', 'Loaded in'];
const NUMBERS = new Set([3, 4, 5, 6, 7, 8, 9]);

/**
 * Returns the page of a model.
 * @param {{ id: string, version: string }} model
 * @returns {string}
 */
export function linkTo(model) {
  return `#/model/${encodeURIComponent(model.id)}/${encodeURIComponent(model.version)}`;
}

/**
 * Returns how a state looks; one that somebody wanted does not look bad.
 * @param {string} modelState
 * @param {string} reason
 * @returns {string}
 */
export function classOf(modelState, reason) {
  switch (modelState) {
    case 'READY':
      return 'badge good';
    case 'UNAVAILABLE':
      return reason === 'unloaded' ? 'badge soft' : 'badge bad';
    case 'LOADING':
    case 'UNLOADING':
      return 'badge busy';
    default:
      return 'badge soft';
  }
}

/**
 * Returns what a state is called; of a model that was never loaded there is none.
 * @param {string} modelState
 * @returns {string}
 */
export function nameOf(modelState) {
  return modelState || 'not loaded';
}

/** Returns whether models can be loaded from here. */
export function canLoad() {
  return state.server !== null && state.server.write && state.server.mode === 'EXPLICIT';
}

/**
 * Loads or unloads a model; tells how that ended.
 * @param {string} name
 * @param {'load' | 'unload'} action
 * @param {(text: string, isFine: boolean) => void} tell
 */
export async function change(name, action, tell) {
  tell(`${action} of ${name} has begun`, true);
  try {
    await ask(`v2/repository/models/${encodeURIComponent(name)}/${action}`, { method: 'POST', body: '{}' });
    tell(`${action} of ${name} is done`, true);
  } catch (e) {
    tell(`${action} of ${name} failed: ${messageOf(e)}`, false);
  }
}

/** @returns {{ element: HTMLElement, title: string, update: () => void }} */
export function modelsView() {
  const filter = h('input', { type: 'search', oninput: () => update() });
  const message = h('p', { role: 'status' });
  const empty = h('p', { class: 'soft' }, 'No models.');
  /** @typedef {{ body: HTMLElement, cells: HTMLElement[], badge: HTMLElement, reason: HTMLElement, detail: HTMLElement, buttons: HTMLButtonElement[] }} Entry */
  /** @type {Map<string, Entry>} */
  const rows = new Map();
  const element = h('section', {}, h('h1', {}, 'Models'),
    h('div', { class: 'tools' }, h('label', {}, 'Show names that contain', filter)), message, empty,
    h('table', { class: 'cards' }, h('caption', { class: 'unseen' }, 'Models with their versions, states and latest figures'),
      h('thead', {}, h('tr', {}, ...COLUMNS.map((name, i) => h('th', { scope: 'col', class: NUMBERS.has(i) ? 'number' : '' }, name)),
        h('th', { scope: 'col' }, 'Actions')))));
  const table = /** @type {HTMLElement} */ (element.lastElementChild);

  /**
   * @param {string} text
   * @param {boolean} isFine
   */
  function tell(text, isFine) {
    message.className = isFine ? '' : 'bad';
    message.textContent = text;
  }

  /** @param {import('./state.js').Model} model */
  function create(model) {
    const badge = h('span');
    const reason = h('td', { class: 'reason', colspan: COLUMNS.length + 1 });
    const cells = COLUMNS.map((name, i) => h('td', { 'data-label': name, class: NUMBERS.has(i) ? 'number' : i === 0 ? 'name' : '' }));
    cells[0].append(model.version ? h('a', { href: linkTo(model) }, model.name) : h('span', {}, model.name));
    cells[1].textContent = model.version || '–';
    cells[2].append(badge);
    const buttons = /** @type {const} */ (['load', 'unload']).map((action) => h('button', {
      type: 'button', 'aria-label': `${action} ${model.name}`, onclick: () => change(model.name, action, tell) }, action));
    const detail = h('tr', { class: 'detail' }, reason);
    const body = h('tbody', {}, h('tr', {}, ...cells, h('td', { 'data-label': 'Actions', class: 'actions' }, buttons[0], ' ', buttons[1])), detail);
    return { body, cells, badge, reason, detail, buttons };
  }

  function update() {
    const text = filter.value.toLowerCase();
    const shown = state.models.filter((model) => model.name.toLowerCase().includes(text));
    empty.hidden = shown.length > 0;
    const keys = new Set(shown.map(keyOf));
    for (const [key, { body }] of rows) {
      if (!keys.has(key)) {
        body.remove();
        rows.delete(key);
      }
    }
    // Behind caption and head.
    let place = 2;
    for (const model of shown) {
      const key = keyOf(model);
      let entry = rows.get(key);
      if (!entry) {
        entry = create(model);
        rows.set(key, entry);
      }
      if (table.children[place] !== entry.body) {
        table.insertBefore(entry.body, table.children[place] ?? null);
      }
      place++;
      show(entry, model);
    }
  }

  /**
   * @param {Entry} entry
   * @param {import('./state.js').Model} model
   */
  function show(entry, model) {
    const figures = state.statistics.get(keyOf(model));
    const point = figures?.point;
    entry.badge.className = classOf(model.state, model.reason);
    setText(entry.badge, nameOf(model.state));
    const texts = [number(point?.[1]), duration(point?.[3]), duration(point?.[5]), number(point?.[2]), number(point?.[6]),
      figures && figures.instances > 0 ? `${point?.[7]} of ${figures.instances}` : '–',
      model.loadMillis === undefined ? '–' : duration(model.loadMillis * 1000)];
    texts.forEach((text, i) => setText(entry.cells[i + 3], text));
    setText(entry.reason, model.reason);
    entry.detail.hidden = model.reason === '';
    const [load, unload] = entry.buttons;
    load.hidden = !canLoad();
    const action = model.state === 'READY' ? 'reload' : 'load';
    setText(load, action);
    load.setAttribute('aria-label', `${action} ${model.name}`);
    unload.hidden = !canLoad() || model.state !== 'READY';
    load.disabled = model.state === 'LOADING' || model.state === 'UNLOADING';
  }

  update();
  return { element, title: 'Models', update };
}

/** @type {Map<string, string>} */
let known = new Map();

/** Tells which models have changed their state. */
export function announceChanges() {
  const now = new Map(state.models.map((model) => [keyOf(model), nameOf(model.state)]));
  if (known.size > 0) {
    const changed = state.models.filter((model) => known.get(keyOf(model)) !== nameOf(model.state));
    if (changed.length > 0 && changed.length < 5) {
      announce(changed.map((model) => `${model.name} is ${nameOf(model.state).toLowerCase()}`).join(', '));
    }
  }
  known = now;
}
