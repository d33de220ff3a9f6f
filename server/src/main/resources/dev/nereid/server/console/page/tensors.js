// What inputs of a model hold: shapes and values to begin with, what people type, and images.

/**
 * @typedef {{ name: string, data_type: string, dims: (number | string)[], format?: string, optional?: boolean,
 *   reshape?: object }} Input
 * @typedef {{ name: string, max_batch_size: number, input: Input[], output: { name: string, data_type: string }[],
 *   sequence_batching?: object, model_transaction_policy?: { decoupled?: boolean } }} Config
 * @typedef {number | string | boolean} Value
 * @typedef {{ name: string, shape: number[], datatype: string, data: Value[] }} Tensor
 */

/** More values than these are not put into a text field. */
export const MAX_TYPED = 4096;

/**
 * Returns the datatype as requests name it.
 * @param {string} type such as TYPE_FP32
 * @returns {string}
 */
export function datatypeOf(type) {
  const name = type.replace(/^TYPE_/, '');
  return name === 'STRING' ? 'BYTES' : name;
}

/**
 * Returns the shape to begin with: one row, and one for each dimension of any size.
 * @param {Input} input
 * @param {boolean} isBatching
 * @returns {number[]}
 */
export function firstShape(input, isBatching) {
  const dims = input.dims.map((dim) => Math.max(1, Number(dim)));
  return isBatching ? [1, ...dims] : dims;
}

/**
 * @param {number[]} shape
 * @returns {number}
 */
export function countOf(shape) {
  return shape.reduce((product, dim) => product * dim, 1);
}

/**
 * Returns values to begin with.
 * @param {string} datatype
 * @param {number} count
 * @returns {Value[]}
 */
export function firstValues(datatype, count) {
  return Array.from({ length: count }, (_, i) => {
    switch (datatype) {
      case 'BYTES':
        return 'text';
      case 'BOOL':
        return i % 2 === 0;
      default:
        return isReal(datatype) ? (i % 10) / 10 : i % 10;
    }
  });
}

/**
 * @param {string} datatype
 * @returns {boolean}
 */
export function isReal(datatype) {
  return ['FP16', 'BF16', 'FP32', 'FP64'].includes(datatype);
}

/**
 * Reads a shape such as "1, 3, 224, 224".
 * @param {string} text
 * @returns {number[]}
 * @throws an Error for people
 */
export function parseShape(text) {
  const parts = text.split(',').map((part) => part.trim()).filter((part) => part !== '');
  return parts.map((part) => {
    if (!/^\d+$/.test(part)) {
      throw new Error(`shape has '${part}', expected whole numbers such as 1, 3, 224, 224`);
    }
    return Number(part);
  });
}

/**
 * Reads values: JSON, or numbers with commas between them; a single text is a string of its own.
 * @param {string} text
 * @param {string} datatype
 * @param {string} name of the input
 * @returns {Value[]}
 * @throws an Error for people
 */
export function parseValues(text, datatype, name) {
  const trimmed = text.trim();
  /** @type {unknown} */
  let parsed;
  try {
    parsed = JSON.parse(trimmed.startsWith('[') ? trimmed : `[${trimmed}]`);
  } catch {
    if (datatype !== 'BYTES') {
      throw new Error(`input '${name}': expected numbers with commas between them`);
    }
    parsed = [text];
  }
  const values = /** @type {Value[]} */ (/** @type {unknown[]} */ (parsed).flat(Infinity));
  const expected = datatype === 'BYTES' ? 'string' : datatype === 'BOOL' ? 'boolean' : 'number';
  const wrong = values.find((value) => typeof value !== expected);
  if (wrong !== undefined) {
    throw new Error(`input '${name}': ${JSON.stringify(wrong)} is no ${expected}, which datatype ${datatype} needs`);
  }
  return values;
}

/**
 * @typedef {{ height: number, width: number, channels: number, isPlanar: boolean }} ImageForm
 */

/**
 * Returns how an input takes an image; null where it does not look as if it did.
 * @param {Input} input
 * @returns {ImageForm | null}
 */
export function imageFormOf(input) {
  const dims = input.dims.map(Number);
  const datatype = datatypeOf(input.data_type);
  if (dims.length !== 3 || !(isReal(datatype) || datatype === 'UINT8')) {
    return null;
  }
  const isChannels = (/** @type {number} */ dim) => dim === 1 || dim === 3;
  const size = (/** @type {number} */ dim) => (dim > 0 ? dim : 224);
  const isPlanar = input.format === 'FORMAT_NCHW' || (input.format !== 'FORMAT_NHWC' && isChannels(dims[0]));
  if (isPlanar && isChannels(dims[0]) && !isChannels(dims[1])) {
    return { channels: dims[0], height: size(dims[1]), width: size(dims[2]), isPlanar };
  }
  return isChannels(dims[2]) && !isChannels(dims[1])
    ? { channels: dims[2], height: size(dims[0]), width: size(dims[1]), isPlanar: false }
    : null;
}

/**
 * Returns whether an input can take the bytes of a file as they are, such as those of an encoded image.
 * @param {Input} input
 * @returns {boolean}
 */
export function takesBytes(input) {
  return datatypeOf(input.data_type) === 'UINT8' && input.dims.length === 1 && Number(input.dims[0]) < 0;
}

/** How values of pixels, 0 to 255, become numbers. */
export const SCALINGS = {
  '0 to 1': (/** @type {number} */ value) => value / 255,
  '0 to 255': (/** @type {number} */ value) => value,
  '-1 to 1': (/** @type {number} */ value) => value / 127.5 - 1,
  ImageNet: (/** @type {number} */ value, /** @type {number} */ channel) =>
    (value / 255 - [0.485, 0.456, 0.406][channel]) / [0.229, 0.224, 0.225][channel],
};

/**
 * Returns the values of an image.
 * @param {Uint8ClampedArray} pixels red, green, blue and opacity of each, row by row
 * @param {ImageForm} form
 * @param {keyof typeof SCALINGS} scaling
 * @returns {number[]}
 */
export function imageValues(pixels, form, scaling) {
  const area = form.width * form.height;
  const scale = SCALINGS[scaling];
  const values = new Array(area * form.channels);
  for (let i = 0; i < area; i++) {
    const [red, green, blue] = [pixels[i * 4], pixels[i * 4 + 1], pixels[i * 4 + 2]];
    const channels = form.channels === 3 ? [red, green, blue] : [0.299 * red + 0.587 * green + 0.114 * blue];
    channels.forEach((value, channel) => {
      const place = form.isPlanar ? channel * area + i : i * form.channels + channel;
      values[place] = Math.round(scale(value, channel) * 1e6) / 1e6;
    });
  }
  return values;
}

/**
 * Returns the body of a request.
 * @param {Config} config
 * @param {Tensor[]} tensors
 * @returns {object}
 */
export function bodyOf(config, tensors) {
  if (config.model_transaction_policy?.decoupled) {
    return Object.fromEntries(tensors.map((tensor) => [tensor.name, tensor.data.length === 1 ? tensor.data[0] : tensor.data]));
  }
  const parameters = config.sequence_batching
    ? { parameters: { sequence_id: 1, sequence_start: true, sequence_end: true } } : {};
  return { ...parameters, inputs: tensors };
}
