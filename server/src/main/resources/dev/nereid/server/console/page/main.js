// Shows the view that the address names, and keeps it up to date.
import { byId, h, setText } from './dom.js';
import { accessHeaders, follow, useHeaders } from './feed.js';
import { machineView } from './machine.js';
import { failuresView, logView } from './messages.js';
import { modelView } from './model.js';
import { announceChanges, modelsView } from './models.js';
import { state, take } from './state.js';

/** @typedef {{ element: HTMLElement, title: string, update: () => void }} View */

const content = byId('content');
/** @type {View} */
let view = modelsView();
let address = '';

/** @returns {View} */
function chosenView() {
  const parts = location.hash.slice(2).split('/').map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  switch (parts[0]) {
    case 'model':
      return modelView(parts[1] ?? '', parts[2] ?? '');
    case 'machine':
      return machineView();
    case 'failures':
      return failuresView();
    case 'log':
      return logView();
    default:
      return modelsView();
  }
}

function show() {
  const isFirst = address === '';
  address = location.hash || '#/models';
  view = chosenView();
  content.replaceChildren(view.element);
  document.title = `${view.title} – Nereid console`;
  for (const link of document.querySelectorAll('nav a')) {
    const target = link.getAttribute('href') ?? '';
    const isHere = address.startsWith(target) || (target === '#/models' && address.startsWith('#/model/'));
    if (isHere) {
      link.setAttribute('aria-current', 'page');
    } else {
      link.removeAttribute('aria-current');
    }
  }
  if (!isFirst) {
    content.focus();
    scrollTo(0, 0);
  }
}

/** Asks for the headers that restricted categories need. */
function showAccess() {
  const panel = byId('access');
  const needed = [...new Set(state.hidden.map((each) => each.header))];
  panel.hidden = needed.length === 0;
  const text = `Restricted here: ${state.hidden.map((each) => each.category).join(', ')}.`;
  if (panel.hidden || panel.dataset.text === text) {
    return;
  }
  panel.dataset.text = text;
  const fields = needed.map((name) => h('input', { type: 'password', autocomplete: 'off', name }));
  panel.replaceChildren(h('form', { onsubmit: (event) => {
    event.preventDefault();
    panel.dataset.text = '';
    useHeaders({ ...accessHeaders(), ...Object.fromEntries(fields.filter((field) => field.value).map((field) => [field.name, field.value])) });
  } }, h('p', {}, text), h('div', { class: 'row' },
    ...fields.map((field) => h('label', {}, `Header ${field.name}`, field)), h('button', { type: 'submit' }, 'Use'))));
}

let isWaiting = false;

/** Draws once for all events that came together. */
function redraw() {
  if (!isWaiting) {
    isWaiting = true;
    setTimeout(() => {
      isWaiting = false;
      view.update();
    }, 0);
  }
}

addEventListener('hashchange', show);
// Nothing of the way that a skip link leaves in the address.
document.querySelector('a.skip')?.addEventListener('click', (event) => {
  event.preventDefault();
  content.focus();
});
show();
follow((name, data) => {
  take(name, data);
  if (name === 'access') {
    showAccess();
  } else if (name === 'server') {
    setText(byId('server-name'), `${data.name} ${data.version}`);
  } else if (name === 'models') {
    announceChanges();
  }
  redraw();
}, (text, isFine) => {
  const badge = byId('connection');
  badge.className = isFine ? 'badge good' : 'badge bad';
  setText(badge, text);
});
