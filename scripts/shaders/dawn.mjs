// Builds every entry point of the WGSL files given, with Dawn: a second implementation of WGSL beside naga.
import { readFileSync } from 'node:fs';
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);
// reachable as long as the process lives: collected, it takes the process down
globalThis.gpu = create([]);
const adapter = await gpu.requestAdapter();
if (!adapter) {
  console.log('Dawn finds no adapter');
  process.exit(2);
}
// the default limits of WebGPU: 8 storage buffers, 16 KiB of workgroup memory
const device = await adapter.requestDevice();
console.log(`Dawn on ${adapter.info.description}`);

let refused = 0;
for (const path of process.argv.slice(2)) {
  const code = readFileSync(path, 'utf8');
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  for (const { lineNum, type, message } of (await module.getCompilationInfo()).messages) {
    console.log(`${path}:${lineNum}: ${type}: ${message.split('\n')[0]}`);
  }
  if (await device.popErrorScope()) {
    console.log(`${path}: REFUSED`);
    refused += 1;
    continue;
  }
  const entries = [...code.matchAll(/@compute\b[\s\S]*?\bfn\s+(\w+)/g)].map((match) => match[1]);
  if (entries.length === 0) {
    console.log(`${path}: no entry point`);
    refused += 1;
  }
  for (const entryPoint of entries) {
    device.pushErrorScope('validation');
    device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint } });
    const error = await device.popErrorScope();
    if (error) refused += 1;
    console.log(`${path}: ${entryPoint}: ${error ? `REFUSED: ${error.message.split('\n')[0]}` : 'ok'}`);
  }
}
process.exit(refused ? 1 : 0);
