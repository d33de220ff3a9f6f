// The same request for a shell and for Python.

/** @typedef {import('./tensors.js').Tensor} Tensor */

/** A longer body is saved to a file first. */
export const MAX_INLINE = 4000;

const NUMPY = { BOOL: 'np.bool_', UINT8: 'np.uint8', UINT16: 'np.uint16', UINT32: 'np.uint32', UINT64: 'np.uint64',
  INT8: 'np.int8', INT16: 'np.int16', INT32: 'np.int32', INT64: 'np.int64', FP16: 'np.float16', BF16: 'np.float32',
  FP32: 'np.float32', FP64: 'np.float64', BYTES: 'np.object_' };

/**
 * Returns a text as one word of a shell.
 * @param {string} text
 * @returns {string}
 */
export function shellQuoted(text) {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * @param {string} url
 * @param {string} body
 * @param {string[]} headers names of headers that have to be sent
 * @param {boolean} isStream
 * @returns {string}
 */
export function curlLine(url, body, headers, isStream) {
  const data = body.length <= MAX_INLINE ? `-d ${shellQuoted(body)}` : '--data-binary @request.json';
  const named = headers.map((name) => ` -H ${shellQuoted(`${name}: <value>`)}`).join('');
  return `curl ${isStream ? '-N ' : ''}${shellQuoted(url)}${named} ${data}`;
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function python(value) {
  if (Array.isArray(value)) {
    return `[${value.map(python).join(', ')}]`;
  }
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  return JSON.stringify(value);
}

/**
 * @param {{ server: string, isSecure: boolean, model: string, version: string, headers: string[] }} target
 * @param {Tensor[]} tensors
 * @param {string[]} outputs
 * @param {boolean} isSequence
 * @returns {string}
 */
export function pythonClient(target, tensors, outputs, isSequence) {
  const isLong = tensors.reduce((sum, tensor) => sum + tensor.data.length, 0) > 1000;
  const lines = [...(isLong ? ['import json'] : []), 'import numpy as np', 'import tritonclient.http as http', ''];
  lines.push(`client = http.InferenceServerClient(${python(target.server)}${target.isSecure ? ', ssl=True' : ''})`);
  if (isLong) {
    lines.push('with open("request.json") as file:', '    data = {each["name"]: each["data"] for each in json.load(file)["inputs"]}');
  }
  lines.push('inputs = []');
  for (const tensor of tensors) {
    const type = NUMPY[/** @type {keyof typeof NUMPY} */ (tensor.datatype)] ?? 'np.float32';
    const values = isLong ? `data[${python(tensor.name)}]` : python(tensor.data);
    lines.push(`values = np.array(${values}, dtype=${type}).reshape(${python(tensor.shape)})`,
      `inputs.append(http.InferInput(${python(tensor.name)}, ${python(tensor.shape)}, ${python(tensor.datatype)}))`,
      'inputs[-1].set_data_from_numpy(values)');
  }
  const more = [python(target.model), 'inputs', `model_version=${python(target.version)}`,
    ...(target.headers.length > 0 ? [`headers={${target.headers.map((name) => `${python(name)}: "<value>"`).join(', ')}}`] : []),
    ...(isSequence ? ['sequence_id=1', 'sequence_start=True', 'sequence_end=True'] : [])];
  lines.push(`result = client.infer(${more.join(', ')})`,
    ...outputs.map((name) => `print(${python(name)}, result.as_numpy(${python(name)}))`));
  return lines.join('\n');
}

/**
 * @param {string} url
 * @param {string} body
 * @param {string[]} headers
 * @returns {string}
 */
export function pythonStream(url, body, headers) {
  const isLong = body.length > MAX_INLINE;
  const named = headers.length > 0 ? `, headers={${headers.map((name) => `${python(name)}: "<value>"`).join(', ')}}` : '';
  return ['import urllib.request', '',
    isLong ? 'data = open("request.json", "rb").read()' : `data = ${python(body)}.encode()`,
    `request = urllib.request.Request(${python(url)}, data${named})`,
    'with urllib.request.urlopen(request) as answer:',
    '    for line in answer:',
    '        if line.startswith(b"data: "):',
    '            print(line[6:].decode().strip())'].join('\n');
}
