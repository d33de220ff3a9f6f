// One version of a model: figures, plots, configuration, and a request to try.
import { h, setText } from './dom.js';
import { accessHeaders, ask, messageOf } from './feed.js';
import { duration, number, time } from './format.js';
import { canLoad, change, classOf, nameOf } from './models.js';
import { Bars, Plot } from './plot.js';
import { keyOf, prepend, recentBatches, state } from './state.js';
import { tryout } from './tryout.js';

/**
 * @param {string} id
 * @param {string} version
 * @returns {{ element: HTMLElement, title: string, update: () => void }}
 */
export function modelView(id, version) {
  const key = keyOf({ id, version });
  const badge = h('span');
  const reason = h('p', { class: 'bad' });
  const message = h('p', { role: 'status' });
  const facts = h('dl', { class: 'facts' });
  const plots = [
    { plot: new Plot('Requests a second', ['answered', 'failed'], number), columns: [1, 2] },
    { plot: new Plot('Latency', ['p50', 'p90', 'p99'], duration), columns: [3, 4, 5] },
    { plot: new Plot('Queue and instances', ['queued', 'busy'], number), columns: [6, 7] },
    { plot: new Plot('Batch size', ['mean'], number), columns: [8] },
  ];
  const bars = new Bars('Executions by batch size');
  const config = h('pre', { tabindex: '0', role: 'region', 'aria-label': 'Configuration' });
  const request = h('div');
  const buttons = /** @type {const} */ (['load', 'unload']).map((action) => h('button', { type: 'button',
    onclick: () => change(name(), action, (text, isFine) => {
      message.className = isFine ? '' : 'bad';
      message.textContent = text;
    }) }, action));
  const element = h('section', {},
    h('p', {}, h('a', { href: '#/models' }, 'All models')),
    h('h1', {}, id, ' ', h('span', { class: 'soft' }, `version ${version}`), ' ', badge), reason,
    h('div', { class: 'tools' }, ...buttons), message, facts,
    h('h2', {}, 'The last minutes'), h('div', { class: 'plots' }, ...plots.map(({ plot }) => plot.element), bars.element),
    h('h2', {}, 'Try a request'), request,
    h('h2', {}, 'Configuration as loaded'), config);
  let loaded = '';
  let access = accessHeaders();

  function find() {
    return state.models.find((model) => keyOf(model) === key);
  }

  function name() {
    return find()?.name ?? id;
  }

  async function load() {
    const path = `v2/models/${encodeURIComponent(name())}/versions/${encodeURIComponent(version)}/config`;
    try {
      const found = await ask(path);
      config.textContent = JSON.stringify(found, null, 2);
      request.replaceChildren(tryout(found, version));
    } catch (e) {
      const text = `The configuration is not to be had: ${messageOf(e)}`;
      config.textContent = text;
      request.replaceChildren(h('p', { class: 'soft' }, text));
    }
  }

  async function loadHistory() {
    try {
      prepend(key, await ask(`history?model=${encodeURIComponent(id)}&version=${encodeURIComponent(version)}`));
      update();
    } catch {
      // The plots then begin now.
    }
  }

  /** @param {[string, string][]} pairs */
  function showFacts(pairs) {
    if (facts.children.length !== pairs.length) {
      facts.replaceChildren(...pairs.map(([term]) => h('div', {}, h('dt', {}, term), h('dd'))));
    }
    pairs.forEach(([, text], i) => setText(facts.children[i].children[1], text));
  }

  function update() {
    const model = find();
    badge.className = classOf(model?.state ?? '', model?.reason ?? '');
    setText(badge, model ? nameOf(model.state) : 'unknown');
    setText(reason, model?.reason ?? '');
    const figures = state.statistics.get(key);
    buttons[0].hidden = !canLoad();
    buttons[0].textContent = model?.state === 'READY' ? 'reload' : 'load';
    buttons[1].hidden = !canLoad() || model?.state !== 'READY';
    // Another configuration comes with a load, which takes another time.
    const stamp = model?.state === 'READY' ? `${model.loadMillis}` : '';
    if (stamp !== loaded || access !== accessHeaders()) {
      if (access !== accessHeaders()) {
        access = accessHeaders();
        loadHistory();
      }
      loaded = stamp;
      if (stamp) {
        load();
      }
    }
    showFacts([['Platform', model?.platform ?? '–'], ['Scheduling', model?.scheduling ?? '–'],
      ['Largest batch', number(model?.maxBatchSize)],
      ['Instances', figures ? `${figures.point[7]} of ${figures.instances} busy${model?.devices ? `, ${model.devices}` : ''}` : '–'],
      ['Loaded in', model?.loadMillis === undefined ? '–' : duration(model.loadMillis * 1000)],
      ['Requests answered', number(figures?.success)], ['Inferences', number(figures?.inferences)],
      ['Executions', number(figures?.executions)], ['Mean time in the queue', duration(figures?.queueMicros)],
      ['Mean time of the computation', duration(figures?.inferMicros)],
      ['Last execution', figures ? time(figures.last) : '–']]);
    const points = state.points.get(key) ?? [];
    const times = points.map((point) => point[0]);
    for (const { plot, columns } of plots) {
      plot.update(times, columns.map((column) => points.map((point) => point[column])));
    }
    bars.update(recentBatches(key));
  }

  loadHistory();
  update();
  return { element, title: id, update };
}
