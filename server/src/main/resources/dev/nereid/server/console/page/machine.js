// The machine and the process.
import { h, setText } from './dom.js';
import { age, bytes, number, percent } from './format.js';
import { Plot } from './plot.js';
import { state } from './state.js';

/** @returns {{ element: HTMLElement, title: string, update: () => void }} */
export function machineView() {
  const facts = h('dl', { class: 'facts' });
  const cpu = new Plot('Processor', ['this server', 'the machine'], percent);
  const memory = new Plot('Memory', ['process', 'Java heap', 'requests'], bytes);
  const gpus = h('div', { class: 'plots' });
  /** @type {Map<number, Plot>} */
  const gpuPlots = new Map();
  const element = h('section', {}, h('h1', {}, 'Machine'), facts, h('h2', {}, 'Since this page was opened'),
    h('div', { class: 'plots' }, cpu.element, memory.element), gpus);

  function update() {
    const latest = state.machine.at(-1)?.machine;
    const server = state.server;
    if (!latest) {
      return;
    }
    const pairs = [['Server', server ? `${server.name} ${server.version}, ${server.ready ? 'ready' : 'not ready'}` : '–'],
      ['Runs for', server ? age(Date.now() - server.started) : '–'], ['Model control', server?.mode.toLowerCase() ?? '–'],
      ['Cores', number(latest.cores)], ['Memory of the machine', bytes(latest.memoryTotal)], ['Memory of the process', bytes(latest.resident)],
      ['Java heap', `${bytes(latest.heapUsed)} of ${bytes(latest.heapMax)}`], ['Requests and responses', bytes(latest.inFlight)],
      ['Kept for the next ones', bytes(latest.pooled)], ['Threads', number(latest.threads)]];
    if (facts.children.length === 0) {
      facts.append(...pairs.map(([term]) => h('div', {}, h('dt', {}, term), h('dd'))));
    }
    pairs.forEach(([, text], i) => setText(facts.children[i].children[1], text));
    const times = state.machine.map((each) => each.time);
    const values = (/** @type {(machine: import('./state.js').Machine) => number | undefined} */ of) =>
      state.machine.map((each) => of(each.machine) ?? null);
    cpu.update(times, [values((each) => each.processCpu), values((each) => each.systemCpu)]);
    memory.update(times, [values((each) => each.resident), values((each) => each.heapUsed), values((each) => each.inFlight)]);
    for (const gpu of latest.gpus) {
      let plot = gpuPlots.get(gpu.id);
      if (!plot) {
        plot = new Plot(`GPU ${gpu.id}: ${gpu.name}`, ['busy', 'memory'], percent);
        gpuPlots.set(gpu.id, plot);
        gpus.append(plot.element);
      }
      const of = (/** @type {import('./state.js').Machine} */ machine) => machine.gpus.find((each) => each.id === gpu.id);
      plot.update(times, [values((each) => of(each)?.busy),
        values((each) => (of(each)?.memoryUsed ?? 0) / (of(each)?.memoryTotal ?? 1))]);
    }
  }

  update();
  return { element, title: 'Machine', update };
}
