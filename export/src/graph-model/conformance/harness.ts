import { sizeOf } from '@generatrix/runtime/core';
import { expect } from 'vitest';
import { type ConformanceCase, recordCase } from '../../conformance/case.ts';
import type { Graph } from '../../graph/ir.ts';
import { tf } from '../../tf.ts';
import type { NamedTensors } from '../../trace/trace.ts';
import { graphModelFiles } from '../write.ts';

/** Loads a written model through tfjs, from the bytes of its files. */
export async function loadWritten(graph: Graph): Promise<tf.GraphModel> {
  const files = graphModelFiles(graph, { name: 'test' });
  const fetchFunc = async (path: string | URL | Request) => {
    const file = String(path).split('/').at(-1) as keyof typeof files;
    const type = file.endsWith('.json') ? 'application/json' : 'application/octet-stream';
    return new Response(new Uint8Array(files[file]), { headers: { 'Content-Type': type } });
  };
  return tf.loadGraphModel(tf.io.http('http://model.test/model.json', { fetchFunc }));
}

/** Runs a loaded model and returns its outputs by name. */
export function runNamed(model: tf.GraphModel, inputs: NamedTensors, names: string[]): NamedTensors {
  const result = model.execute(inputs, names);
  const list = Array.isArray(result) ? result : [result];
  return Object.fromEntries(names.map((name, i) => [name, list[i]!]));
}

/**
 * The default tolerance, less than one unit in the last place of a float32: most kernels run as the very same op,
 * and this only forgives an attribute that was rounded to float32.
 */
const exact = 1e-7;

/** Compares a case run eagerly on tfjs's CPU backend with the GraphModel of its trace, also run there. */
export async function expectConforms(test: ConformanceCase): Promise<void> {
  const model = await loadWritten(recordCase(test));
  const inputs = test.inputs();
  const expected = (test.reference ?? test.fn)(inputs);
  const actual = runNamed(model, inputs, Object.keys(expected));
  for (const [name, tensor] of Object.entries(expected)) {
    expectClose(actual[name]!, tensor, test.tolerance ?? exact, name);
  }
  model.dispose();
}

/** Same type, shape and values, NaN and infinities included. */
export function expectClose(actual: tf.Tensor, expected: tf.Tensor, tolerance: number, name = ''): void {
  expect(actual.shape, `shape of ${name}`).toEqual(expected.shape);
  expect(actual.dtype, `type of ${name}`).toBe(expected.dtype);
  const [a, b] = [actual.dataSync(), expected.dataSync()];
  expect(a.length).toBe(sizeOf(expected.shape));
  for (let i = 0; i < b.length; i++) {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) continue;
    const difference = Math.abs(a[i]! - b[i]!) / Math.max(1, Math.abs(b[i]!));
    if (!(difference <= tolerance)) {
      expect.fail(`${name}[${i}]: expected ${b[i]}, got ${a[i]}, relative difference ${difference}`);
    }
  }
}
