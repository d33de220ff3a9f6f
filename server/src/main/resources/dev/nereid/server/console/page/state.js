// What the server has told, and the last minutes of it.

/**
 * @typedef {[number, number, number, number | null, number | null, number | null, number, number, number | null]} Point
 *   time, requests a second, failures a second, p50, p90, p99, queued, busy, batch
 * @typedef {{ id: string, name: string, version: string, state: string, reason: string, platform?: string,
 *   loadMillis?: number, maxBatchSize?: number, scheduling?: string, instances?: number, devices?: string,
 *   decoupled?: boolean, cached?: boolean }} Model
 * @typedef {{ id: string, version: string, instances: number, success: number, inferences: number, executions: number,
 *   queueMicros: number, inferMicros: number, last: number, batches: [number, number][], point: Point }} Statistics
 * @typedef {{ name: string, version: string, started: number, ready: boolean, ends: boolean, httpPort: number,
 *   httpAddress: string, secure: boolean, mode: string, write: boolean }} Server
 * @typedef {{ cores?: number, processCpu?: number, systemCpu?: number, memoryTotal?: number, heapUsed: number,
 *   heapMax: number, resident?: number, inFlight: number, pooled: number, threads: number,
 *   gpus: { id: number, name: string, busy?: number, memoryUsed?: number, memoryTotal?: number, watts?: number }[] }} Machine
 * @typedef {{ time: number, request: string, code: string, message: string, count: number }} Failure
 * @typedef {{ category: string, header: string }} Hidden
 */

const MAX_POINTS = 300;

export const state = {
  /** @type {Server | null} */
  server: null,
  /** @type {Model[]} */
  models: [],
  /** @type {Map<string, Statistics>} */
  statistics: new Map(),
  /** @type {Map<string, Point[]>} */
  points: new Map(),
  /** @type {Map<string, [number, Map<number, number>][]>} */
  batches: new Map(),
  /** @type {{ time: number, machine: Machine }[]} */
  machine: [],
  /** @type {Failure[]} */
  failures: [],
  /** @type {string[]} */
  log: [],
  /** @type {Hidden[]} */
  hidden: [],
};

/**
 * @param {{ id: string, version: string }} model
 * @returns {string}
 */
export function keyOf(model) {
  return `${model.id}/${model.version}`;
}

/**
 * @template T
 * @param {T[]} list
 * @param {T} value
 */
function push(list, value) {
  list.push(value);
  if (list.length > MAX_POINTS) {
    list.shift();
  }
}

/**
 * @template T
 * @param {Map<string, T[]>} map
 * @param {string} key
 * @returns {T[]}
 */
function listOf(map, key) {
  let list = map.get(key);
  if (!list) {
    list = [];
    map.set(key, list);
  }
  return list;
}

/**
 * Takes an event in.
 * @param {string} name
 * @param {any} data
 */
export function take(name, data) {
  switch (name) {
    case 'access':
      state.hidden = data.hidden;
      break;
    case 'server':
      state.server = data;
      break;
    case 'models':
      state.models = data;
      break;
    case 'statistics':
      takeStatistics(data);
      break;
    case 'machine':
      push(state.machine, { time: Date.now(), machine: data });
      break;
    case 'failures':
      state.failures = data;
      break;
    case 'log':
      state.log = data;
      break;
    default:
      break;
  }
}

/** @param {{ time: number, versions: Statistics[] }} data */
function takeStatistics(data) {
  state.statistics = new Map(data.versions.map((each) => [keyOf(each), each]));
  for (const each of data.versions) {
    push(listOf(state.points, keyOf(each)), each.point);
    push(listOf(state.batches, keyOf(each)), [data.time, new Map(each.batches)]);
  }
  for (const key of [...state.points.keys()]) {
    if (!state.statistics.has(key)) {
      state.points.delete(key);
      state.batches.delete(key);
    }
  }
}

/**
 * Puts the points that the server has kept before those that this page has seen.
 * @param {string} key
 * @param {Point[]} earlier
 */
export function prepend(key, earlier) {
  const own = listOf(state.points, key);
  const first = own.length > 0 ? own[0][0] : Infinity;
  const missing = earlier.filter((point) => point[0] < first);
  state.points.set(key, [...missing, ...own].slice(-MAX_POINTS));
}

/**
 * Returns how many executions there were of each batch size in the last minutes.
 * @param {string} key
 * @returns {[number, number][]}
 */
export function recentBatches(key) {
  const seen = state.batches.get(key) ?? [];
  if (seen.length === 0) {
    return [];
  }
  const before = seen[0][1];
  return [...seen[seen.length - 1][1]]
    .map(([size, count]) => /** @type {[number, number]} */ ([size, count - (before.get(size) ?? 0)]))
    .filter(([, count]) => count > 0);
}
