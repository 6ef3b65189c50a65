import type { Tensor } from 'onnxruntime-node';
import type { Binding } from 'onnxruntime-node/dist/binding.js';
import type { HostTensor } from '../program/tensor.ts';
import { engine, engineBinding } from './engine-node.ts';
import { hostValue } from './ort-executor.ts';

/**
 * Runs a program once on the CPU and returns when it is done. For small computations in code that cannot wait, such
 * as the folding of constants while a function is traced; everything else goes through an executor.
 *
 * onnxruntime-node computes synchronously and only its public API defers that to a later turn of the event loop, so
 * this is the one module that reaches behind it. Graph optimizations are off: each operator runs as it was written.
 * @throws with onnxruntime's message when it refuses the program or its run.
 */
export function runAtOnce(
  onnx: Uint8Array,
  inputs: Readonly<Record<string, HostTensor>> = {},
): Record<string, HostTensor> {
  const { binding, initOrt } = engineBinding();
  initOrt();
  const session = new binding.InferenceSession();
  session.loadModel(onnx.buffer as ArrayBuffer, onnx.byteOffset, onnx.byteLength, options);
  try {
    const feeds = Object.entries(inputs).map(([name, { dtype, shape, data }]) => [
      name,
      new (engine().Tensor)(dtype, data, shape),
    ]);
    const names = session.outputMetadata.map(({ name }: Binding.ValueMetadata) => name);
    const wanted = Object.fromEntries(names.map((name) => [name, null]));
    const values = session.run(Object.fromEntries(feeds), wanted, {});
    // These are copies: onnxruntime's own memory goes with the session.
    return Object.fromEntries(names.map((name) => [name, hostValue(values[name] as Tensor)]));
  } finally {
    session.dispose();
  }
}

const options = {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'disabled',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 4, // a refusal is thrown, so it need not be printed as well
} as const;
