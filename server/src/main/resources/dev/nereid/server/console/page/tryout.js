// A request to try: inputs to begin with, the answer, and the same for a shell and for Python.
import { announce, h, setText } from './dom.js';
import { accessHeaders, errorOf, messageOf } from './feed.js';
import { bytes, duration } from './format.js';
import { curlLine, MAX_INLINE, pythonClient, pythonStream } from './snippets.js';
import { state } from './state.js';
import { bodyOf, countOf, datatypeOf, firstShape, firstValues, imageFormOf, imageValues, MAX_TYPED, parseShape, parseValues, SCALINGS, takesBytes }
  from './tensors.js';

/**
 * @typedef {import('./tensors.js').Config} Config
 * @typedef {import('./tensors.js').Input} Input
 * @typedef {import('./tensors.js').Tensor} Tensor
 * @typedef {{ element: HTMLElement, read: () => Tensor | null }} Field
 */

const MAX_SHOWN = 100;

/** Returns where requests go that do not come from this page. */
function requestOrigin() {
  const server = state.server;
  if (!server || server.httpPort < 0) {
    return { origin: location.origin, host: location.host, isSecure: location.protocol === 'https:' };
  }
  const isForAll = ['0.0.0.0', '::'].includes(server.httpAddress);
  const address = isForAll ? location.hostname : server.httpAddress;
  const host = `${address.includes(':') && !address.startsWith('[') ? `[${address}]` : address}:${server.httpPort}`;
  return { origin: `${server.secure ? 'https' : 'http'}://${host}`, host, isSecure: server.secure };
}

/**
 * @param {Input} input
 * @param {boolean} isBatching
 * @param {() => void} changed
 * @returns {Field}
 */
function fieldOf(input, isBatching, changed) {
  const datatype = datatypeOf(input.data_type);
  const first = firstShape(input, isBatching);
  /** @type {import('./tensors.js').Value[] | null} */
  let held = null;
  const shape = h('input', { value: first.join(', '), oninput: () => { held = null; refill(); changed(); } });
  const area = h('textarea', { rows: '3', spellcheck: 'false', oninput: () => { isTyped = true; held = null; changed(); } });
  const note = h('p', { class: 'soft' });
  const used = h('input', { type: 'checkbox', onchange: changed });
  let isTyped = false;
  used.checked = !input.optional;

  /** Puts values to begin with into the field, unless somebody has typed some. */
  function refill() {
    if (isTyped) {
      return;
    }
    try {
      const size = countOf(parseShape(shape.value));
      const isLong = size > MAX_TYPED;
      held = isLong ? firstValues(datatype, size) : null;
      area.value = isLong ? '' : firstValues(datatype, size).map((value) => JSON.stringify(value)).join(', ');
      area.placeholder = isLong ? `${size} values, counting up; type others here` : '';
      setText(note, '');
    } catch (e) {
      setText(note, messageOf(e));
    }
  }

  /**
   * Takes values that are too many to be typed.
   * @param {number[]} values
   * @param {string} text
   */
  function hold(values, text) {
    held = values;
    isTyped = false;
    area.value = values.length > MAX_TYPED ? '' : values.join(', ');
    area.placeholder = `${values.length} values from ${text}; type others here`;
    setText(note, `${values.length} values from ${text}`);
    changed();
  }

  refill();
  /** @type {HTMLElement[]} */
  const rows = [h('div', { class: 'row' }, h('label', {}, 'Shape', shape)), h('label', { class: 'block' }, 'Values', area)];
  if (input.optional) {
    rows.unshift(h('label', { class: 'line' }, used, 'send this optional input'));
  }
  rows.push(...imageRows(input, (values, text, size) => {
    shape.value = (isBatching ? [1, ...size] : size).join(', ');
    hold(values, text);
  }, (text) => setText(note, text)), note);
  return {
    element: h('fieldset', {}, h('legend', {}, input.name, ' ', h('span', { class: 'soft' }, `${datatype} [${input.dims.join(', ')}]`)), ...rows),
    read: () => {
      if (!used.checked) {
        return null;
      }
      const dims = parseShape(shape.value);
      const values = held && area.value === '' ? held : parseValues(area.value, datatype, input.name);
      if (values.length !== countOf(dims)) {
        throw new Error(`input '${input.name}' has ${values.length} values, shape [${dims.join(', ')}] needs ${countOf(dims)}`);
      }
      return { name: input.name, shape: dims, datatype, data: values };
    },
  };
}

/**
 * Returns what takes an image from a file, where the input looks as if it took one.
 * @param {Input} input
 * @param {(values: number[], text: string, shape: number[]) => void} take
 * @param {(text: string) => void} complain
 * @returns {HTMLElement[]}
 */
function imageRows(input, take, complain) {
  const form = imageFormOf(input);
  if (form) {
    return [pixelRow(input, form, take, complain)];
  }
  return takesBytes(input) ? [bytesRow(take)] : [];
}

/**
 * @param {(values: number[], text: string, shape: number[]) => void} take
 * @returns {HTMLElement}
 */
function bytesRow(take) {
  const file = h('input', { type: 'file', onchange: async () => {
    const chosen = file.files?.[0];
    if (chosen) {
      const content = [...new Uint8Array(await chosen.arrayBuffer())];
      take(content, chosen.name, [content.length]);
    }
  } });
  return h('label', {}, 'Bytes of a file, such as an image', file);
}

/**
 * @param {Input} input
 * @param {import('./tensors.js').ImageForm} form
 * @param {(values: number[], text: string, shape: number[]) => void} take
 * @param {(text: string) => void} complain
 * @returns {HTMLElement}
 */
function pixelRow(input, form, take, complain) {
  const file = h('input', { type: 'file', accept: 'image/*', onchange: () => read() });
  const scaling = h('select', { onchange: () => read() }, ...Object.keys(SCALINGS).map((name) => h('option', {}, name)));
  if (datatypeOf(input.data_type) === 'UINT8') {
    scaling.value = '0 to 255';
  }
  const canvas = h('canvas', { width: form.width, height: form.height, role: 'img', 'aria-label': 'the image as the model gets it', hidden: true });

  async function read() {
    const chosen = file.files?.[0];
    if (!chosen) {
      return;
    }
    try {
      const image = await createImageBitmap(chosen);
      const context = canvas.getContext('2d', { willReadFrequently: true });
      if (context) {
        context.drawImage(image, 0, 0, form.width, form.height);
        const pixels = context.getImageData(0, 0, form.width, form.height).data;
        canvas.hidden = false;
        take(imageValues(pixels, form, /** @type {keyof typeof SCALINGS} */ (scaling.value)), chosen.name,
          form.isPlanar ? [form.channels, form.height, form.width] : [form.height, form.width, form.channels]);
      }
    } catch {
      complain(`${chosen.name} is no image that this browser can read`);
    }
  }

  return h('div', { class: 'row' }, h('label', {}, `Image, drawn at ${form.width} × ${form.height}`, file),
    h('label', {}, 'Pixels become', scaling), canvas);
}

/**
 * Returns what lets a request be tried.
 * @param {Config} config
 * @param {string} version
 * @returns {HTMLElement}
 */
export function tryout(config, version) {
  const isStream = config.model_transaction_policy?.decoupled === true;
  const isBatching = config.max_batch_size > 0;
  const inputs = config.input ?? [];
  const fields = inputs.map((input) => fieldOf(input, isBatching, () => showSnippets()));
  const curl = h('pre', { tabindex: '0', role: 'region', 'aria-label': 'The same request with curl' });
  const python = h('pre', { tabindex: '0', role: 'region', 'aria-label': 'The same request in Python' });
  const status = h('p', { role: 'status' });
  const answer = h('div');
  const send = h('button', { class: 'main', type: 'submit' }, 'Send');
  const save = h('button', { type: 'button', onclick: () => saveBody() }, 'Save request.json');
  const form = h('form', { onsubmit: (event) => {
    event.preventDefault();
    submit();
  } }, ...fields.map((field) => field.element), h('div', { class: 'tools' }, send, save), status);
  const path = `v2/models/${encodeURIComponent(config.name)}/versions/${encodeURIComponent(version)}/${isStream ? 'generate_stream' : 'infer'}`;

  /** @returns {Tensor[]} */
  function tensors() {
    return /** @type {Tensor[]} */ (fields.map((field) => field.read()).filter((tensor) => tensor !== null));
  }

  function body() {
    return JSON.stringify(bodyOf(config, tensors()));
  }

  function showSnippets() {
    try {
      const { origin, host, isSecure } = requestOrigin();
      const headers = [...new Set(state.hidden.filter((each) => each.category === 'inference').map((each) => each.header)
        .concat(Object.keys(accessHeaders())))];
      const text = body();
      save.hidden = text.length <= MAX_INLINE;
      setText(curl, curlLine(`${origin}/${path}`, text, headers, isStream));
      setText(python, isStream ? pythonStream(`${origin}/${path}`, text, headers)
        : pythonClient({ server: host, isSecure, model: config.name, version, headers }, tensors(),
          config.output.map((output) => output.name), config.sequence_batching !== undefined));
      tell('', true);
    } catch (e) {
      tell(messageOf(e), false);
    }
  }

  /**
   * @param {string} text
   * @param {boolean} isFine
   */
  function tell(text, isFine) {
    status.className = isFine ? '' : 'bad';
    setText(status, text);
  }

  function saveBody() {
    try {
      const url = URL.createObjectURL(new Blob([body()], { type: 'application/json' }));
      h('a', { href: url, download: 'request.json' }).click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    } catch (e) {
      tell(messageOf(e), false);
    }
  }

  async function submit() {
    answer.replaceChildren();
    send.disabled = true;
    const begin = performance.now();
    try {
      const content = body();
      tell('sent, no answer yet', true);
      const got = await fetch(path, { method: 'POST', body: content, headers: { ...accessHeaders(), 'Content-Type': 'application/json' } });
      if (!got.ok) {
        throw new Error(`${got.status}: ${await errorOf(got)}`);
      }
      const text = await got.text();
      const micros = (performance.now() - begin) * 1000;
      tell(`answered in ${duration(micros)}, ${bytes(text.length)}`, true);
      showAnswer(text);
      announce('the answer is there');
    } catch (e) {
      tell(messageOf(e), false);
    } finally {
      send.disabled = false;
    }
  }

  /** @param {string} text */
  function showAnswer(text) {
    if (isStream) {
      const events = text.split('\n\n').filter((event) => event.startsWith('data: ')).map((event) => event.slice(6));
      answer.replaceChildren(h('pre', { tabindex: '0', role: 'region', 'aria-label': 'Answers' }, events.join('\n')));
      return;
    }
    const parsed = JSON.parse(text);
    /** @type {{ name: string, datatype: string, shape: number[], data: unknown[] }[]} */
    const outputs = parsed.outputs ?? [];
    const whole = JSON.stringify(parsed, null, 1);
    answer.replaceChildren(h('table', {}, h('caption', { class: 'unseen' }, 'Outputs'),
      h('thead', {}, h('tr', {}, ...['Output', 'Datatype', 'Shape', 'Values'].map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, ...outputs.map((output) => h('tr', {}, h('td', {}, output.name), h('td', {}, output.datatype),
        h('td', {}, output.shape.join(', ')), h('td', {}, preview(output.data)))))),
    h('details', {}, h('summary', {}, 'The whole answer'),
      h('pre', { tabindex: '0', role: 'region', 'aria-label': 'The whole answer' }, whole.length > 200000 ? `${whole.slice(0, 200000)}...` : whole)));
  }

  showSnippets();
  return h('div', {}, form, answer,
    h('h3', {}, 'With curl'), curl, copyButton(curl), h('h3', {}, 'In Python'), python, copyButton(python));
}

/**
 * @param {unknown[]} values
 * @returns {string}
 */
function preview(values) {
  const shown = values.slice(0, MAX_SHOWN).map((value) => (typeof value === 'number' ? String(Math.round(value * 1e6) / 1e6) : JSON.stringify(value)));
  return shown.join(', ') + (values.length > MAX_SHOWN ? `, ... (${values.length} in all)` : '');
}

/**
 * @param {HTMLElement} source
 * @returns {HTMLElement}
 */
function copyButton(source) {
  const button = h('button', { type: 'button', 'aria-label': `Copy: ${source.getAttribute('aria-label')}`, onclick: async () => {
    try {
      await navigator.clipboard.writeText(source.textContent ?? '');
      announce('copied');
      button.textContent = 'copied';
    } catch {
      getSelection()?.selectAllChildren(source);
      announce('selected, copy it with the keyboard');
      button.textContent = 'selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  } }, 'Copy');
  return h('p', {}, button);
}
