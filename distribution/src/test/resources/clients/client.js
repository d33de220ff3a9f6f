// A client for Node, as people write them: the protocol's file, @grpc/proto-loader and @grpc/grpc-js. Arguments: the port, and the
// directory of inference_service.proto. Says which steps went well; an error ends it.
const assert = require('assert');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const LIMIT_MILLIS = 60000;
const [port, protos] = process.argv.slice(2);
const definition = loader.loadSync('inference_service.proto',
    { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true, includeDirs: [protos] });
const { inference } = grpc.loadPackageDefinition(definition);
const client = new inference.GRPCInferenceService('127.0.0.1:' + port, grpc.credentials.createInsecure(),
    { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1, 'grpc.enable_http_proxy': 0 });

const options = () => ({ deadline: Date.now() + LIMIT_MILLIS });
const call = (method, request = {}) => new Promise((resolve, reject) => client[method](request, options(),
    (error, answer) => error ? reject(error) : resolve(answer)));
const failure = async (method, request) => call(method, request).then(() => assert.fail('no error'), error => error);
const floats = values => Buffer.from(new Float32Array(values).buffer);
const done = step => console.log('ok ' + step);

async function health() {
  assert((await call('ServerLive')).live);
  assert((await call('ServerReady')).ready);
  assert((await call('ServerMetadata')).extensions.includes('statistics'));
  assert(!(await call('ModelReady', { name: 'echo' })).ready);
}

async function load() {
  await call('RepositoryModelLoad', { model_name: 'echo' });
  await call('RepositoryModelLoad', { model_name: 'square' });
  assert((await call('ModelReady', { name: 'echo' })).ready);
  assert.deepStrictEqual((await call('ModelMetadata', { name: 'echo' })).inputs[0].shape, [-1, -1]);
  assert.strictEqual((await call('ModelConfig', { name: 'echo' })).config.max_batch_size, 4);
}

async function infer() {
  const answer = await call('ModelInfer', { model_name: 'echo', id: 'raw',
    inputs: [{ name: 'INPUT0', datatype: 'FP32', shape: [1, 3] }], raw_input_contents: [floats([1.5, 2, 3])] });
  assert.strictEqual(answer.id, 'raw');
  assert.deepStrictEqual(answer.outputs[0].shape, [1, 3]);
  assert(answer.raw_output_contents[0].equals(floats([1.5, 2, 3])));
  const typed = await call('ModelInfer', { model_name: 'echo',
    inputs: [{ name: 'INPUT0', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [7, 8] } }] });
  assert(typed.raw_output_contents[0].equals(floats([7, 8])));
  const large = Buffer.alloc(12 << 20, 1);
  const answers = await Promise.all([1, 2, 3].map(() => call('ModelInfer', { model_name: 'echo',
    inputs: [{ name: 'INPUT0', datatype: 'FP32', shape: [1, 3 << 20] }], raw_input_contents: [large] })));
  answers.forEach(each => assert(each.raw_output_contents[0].equals(large)));
}

async function errors() {
  const unknown = await failure('ModelInfer', { model_name: 'no_such' });
  assert.strictEqual(unknown.code, grpc.status.NOT_FOUND);
  assert(unknown.details.includes('no_such'));
  const wrong = await failure('ModelInfer', { model_name: 'echo',
    inputs: [{ name: 'INPUT0', datatype: 'INT32', shape: [1, 1] }], raw_input_contents: [Buffer.alloc(4)] });
  assert.strictEqual(wrong.code, grpc.status.INVALID_ARGUMENT);
}

function stream() {
  return new Promise((resolve, reject) => {
    const counts = {};
    const messages = [];
    const calls = client.ModelStreamInfer(options());
    calls.on('error', reject);
    calls.on('end', () => {
      assert.deepStrictEqual(counts, { 1: 1, 2: 2, 3: 3 });
      assert.strictEqual(messages.length, 1);
      assert(messages[0].includes('no_such'));
      resolve();
    });
    calls.on('data', message => {
      if (message.error_message) {
        messages.push(message.error_message);
      } else {
        const { id, outputs } = message.infer_response;
        counts[id] = (counts[id] || 0) + outputs.length;
      }
    });
    for (let n = 1; n <= 3; n++) {
      calls.write({ model_name: 'square', id: String(n), inputs: [{ name: 'IN', datatype: 'INT32', shape: [1] }],
        raw_input_contents: [Buffer.from(new Int32Array([n]).buffer)] });
    }
    calls.write({ model_name: 'no_such', id: 'bad' });
    calls.end();
  });
}

async function sharedMemory() {
  const name = '/nereid-node-' + process.pid;
  const file = '/dev/shm' + name;
  fs.writeFileSync(file, Buffer.concat([floats([1, 2, 3, 4]), Buffer.alloc(16)]));
  try {
    await call('SystemSharedMemoryRegister', { name: 'region', key: name, offset: 0, byte_size: 32 });
    const at = offset => ({ shared_memory_region: { string_param: 'region' }, shared_memory_byte_size: { int64_param: 16 },
      shared_memory_offset: { int64_param: offset } });
    await call('ModelInfer', { model_name: 'echo',
      inputs: [{ name: 'INPUT0', datatype: 'FP32', shape: [1, 4], parameters: at(0) }],
      outputs: [{ name: 'OUTPUT0', parameters: at(16) }] });
    assert(fs.readFileSync(file).subarray(16).equals(floats([1, 2, 3, 4])));
    await call('SystemSharedMemoryUnregister', { name: 'region' });
  } finally {
    fs.unlinkSync(file);
  }
}

async function settings() {
  const statistics = (await call('ModelStatistics', { name: 'square' })).model_stats[0];
  assert.strictEqual(statistics.response_stats['2'].success.count, 1);
  assert.deepStrictEqual((await call('TraceSetting')).settings.trace_rate.value, ['1000']);
  assert((await call('LogSettings')).settings.log_info.bool_param);
}

async function unload() {
  await call('RepositoryModelUnload', { model_name: 'echo' });
  assert((await failure('ModelInfer', { model_name: 'echo' })).details.endsWith('has no available versions'));
}

async function run() {
  for (const [name, step] of Object.entries({ health, load, infer, errors, stream, 'shared memory': sharedMemory, settings, unload })) {
    await step();
    done(name);
  }
  client.close();
}

run().catch(error => {
  console.error(error);
  process.exit(1);
});
