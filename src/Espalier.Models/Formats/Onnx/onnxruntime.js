// Runs an ONNX file in ONNX Runtime. One request on stdin: {model, inputs: [{type, dims, data}]}, data in base64, little-endian;
// one answer on stdout: [{dims, values}], a value being null when it is not finite.
const fs = require('fs');
const ort = require('onnxruntime-node');

async function main() {
  const request = JSON.parse(fs.readFileSync(0, 'utf8'));
  const session = await ort.InferenceSession.create(request.model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const answers = [];
  for (const { type, dims, data } of request.inputs) {
    const bytes = new Uint8Array(Buffer.from(data, 'base64'));
    const values = type === 'uint8' ? bytes : new Float32Array(bytes.buffer);
    const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor(type, values, dims) });
    const output = outputs[session.outputNames[0]];
    answers.push({ dims: Array.from(output.dims), values: Array.from(output.data, v => (Number.isFinite(v) ? v : null)) });
  }
  fs.writeSync(1, JSON.stringify(answers));
}

main().catch(error => {
  console.error(String(error && error.message || error));
  process.exitCode = 1;
});
