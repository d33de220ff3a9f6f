// Follows the server's events. Not with EventSource, which can't send the headers that restricted categories ask for.

const LONGEST_PAUSE_MILLIS = 5000;
/** A page that nobody has seen for so long lets go of the server. */
const HIDDEN_LIMIT_MILLIS = 30000;

/** @type {Record<string, string>} */
let headers = {};
let abort = new AbortController();
/** @type {((name: string, data: any) => void)} */
let receive = () => {};
/** @type {((text: string, isFine: boolean) => void)} */
let report = () => {};
let run = 0;

/** Returns the headers that requests are to carry. */
export function accessHeaders() {
  return headers;
}

/**
 * Begins anew with these headers.
 * @param {Record<string, string>} changed
 */
export function useHeaders(changed) {
  headers = changed;
  restart();
}

/**
 * Calls back with each event, and with how the connection is, as long as the page is there.
 * @param {(name: string, data: any) => void} onEvent
 * @param {(text: string, isFine: boolean) => void} onStatus
 */
export function follow(onEvent, onStatus) {
  receive = onEvent;
  report = onStatus;
  /** @type {number | undefined} */
  let timer;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(() => {
        abort.abort();
        run++;
        report('paused', true);
      }, HIDDEN_LIMIT_MILLIS);
    } else if (abort.signal.aborted) {
      restart();
    }
  });
  restart();
}

function restart() {
  abort.abort();
  abort = new AbortController();
  run++;
  connect(run, abort.signal);
}

/**
 * @param {number} own
 * @param {AbortSignal} signal
 */
async function connect(own, signal) {
  let pause = 500;
  while (own === run) {
    try {
      const answer = await fetch('events', { headers, signal, cache: 'no-store' });
      if (!answer.ok || !answer.body) {
        throw new Error((await errorOf(answer)));
      }
      report('live', true);
      pause = 500;
      await readEvents(answer.body);
      throw new Error('the server ended the connection');
    } catch (e) {
      if (own !== run) {
        return;
      }
      report(`not connected: ${messageOf(e)}`, false);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, LONGEST_PAUSE_MILLIS);
  }
}

/** @param {ReadableStream<Uint8Array>} body */
async function readEvents(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    text += decoder.decode(value, { stream: true });
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    events.forEach(readEvent);
  }
}

/** @param {string} event */
function readEvent(event) {
  let name = '';
  let data = '';
  for (const line of event.split('\n')) {
    if (line.startsWith('event: ')) {
      name = line.slice(7);
    } else if (line.startsWith('data: ')) {
      data += line.slice(6);
    }
  }
  if (name) {
    receive(name, JSON.parse(data));
  }
}

/**
 * Returns what a failed answer says.
 * @param {Response} answer
 * @returns {Promise<string>}
 */
export async function errorOf(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error ?? text;
  } catch {
    return text || `status ${answer.status}`;
  }
}

/**
 * @param {unknown} e
 * @returns {string}
 */
export function messageOf(e) {
  return e instanceof Error ? e.message : String(e);
}

/**
 * Asks for JSON.
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<any>}
 * @throws an Error with the server's text
 */
export async function ask(path, init = {}) {
  const answer = await fetch(path, { cache: 'no-store', ...init, headers: { ...headers, ...init.headers } });
  if (!answer.ok) {
    throw new Error(await errorOf(answer));
  }
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}
