import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { encodeSafetensors, type HostTensor } from '@generatrix/runtime/core';

type Tensors = Readonly<Record<string, HostTensor>>;

/** The script lies beside the source of this module, also when that runs compiled. */
const script = fileURLToPath(import.meta.url)
  .replace('/dist/fuzz/', '/fuzz/')
  .replace(/\.[jt]s$/, '.py');

/** Whether there is a Python here with onnx's reference evaluator. */
export function referenceAvailable(): boolean {
  return spawnSync('python3', ['-c', 'import numpy, onnx.reference']).status === 0;
}

/** Writes a program with its inputs and what onnxruntime gave, as `reference.py` takes them. */
export function writeForReference(path: string, onnx: Uint8Array, inputs: Tensors, outputs: Tensors): void {
  const under = (prefix: string, tensors: Tensors) =>
    Object.entries(tensors).map(([name, tensor]) => [`${prefix}/${name}`, tensor]);
  const all = Object.fromEntries([...under('in', inputs), ...under('out', outputs)]) as Tensors;
  writeFileSync(`${path}.onnx`, onnx);
  writeFileSync(`${path}.safetensors`, encodeSafetensors(all));
}

/** Runs the programs of a folder in onnx's reference evaluator. Returns those that differ. */
export async function checkInReference(folder: string): Promise<{ name: string; message: string }[]> {
  const { stdout } = await promisify(execFile)('python3', [script, folder], { maxBuffer: 1 << 28 });
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as { name: string; message: string });
}
