import { readFile } from 'node:fs/promises';
import { createExecutor, type HostTensor, hostTensor } from '@generatrix/runtime';
import { describe, expect, it } from 'vitest';
import { loadWritten, runNamed } from '../graph-model/conformance/harness.ts';
import { writeOnnx } from '../onnx/write.ts';
import { tf } from '../tf.ts';
import type { NamedTensors, TensorFunction } from '../trace/trace.ts';
import { recordCase } from './case.ts';
import { knownDifferences } from './differences.ts';
import { type EdgeCase, edgeCases } from './edges.ts';
import { differenceTable, edgeTable } from './numerics-doc.ts';

await tf.setBackend('cpu');

type Results = Record<string, { readonly values: readonly number[]; readonly dtype: string }>;

function eager(fn: TensorFunction, inputs: NamedTensors): Results {
  return plain(fn(inputs));
}

async function inOnnx(fn: TensorFunction, inputs: NamedTensors): Promise<Results> {
  const graph = recordCase({ name: '', fn, inputs: () => inputs });
  const executor = await createExecutor('cpu');
  const program = await executor.load('edges', writeOnnx(graph, { name: 'edges' }));
  const feeds = Object.entries(inputs).map(([name, x]) => [
    name,
    hostTensor(x.dtype as HostTensor['dtype'], x.shape, x.dataSync()),
  ]);
  const outputs = (await program.run(Object.fromEntries(feeds))) as Record<string, HostTensor>;
  await program.release();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data, dtype }]) => [name, { values: Array.from(data), dtype }]),
  );
}

async function inGraphModel(fn: TensorFunction, inputs: NamedTensors): Promise<Results> {
  const graph = recordCase({ name: '', fn, inputs: () => inputs });
  const model = await loadWritten(graph);
  const results = plain(
    runNamed(
      model,
      inputs,
      graph.outputs.map(({ name }) => name),
    ),
  );
  model.dispose();
  return results;
}

function plain(tensors: NamedTensors): Results {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, x]) => [
      name,
      { values: Array.from(x.dataSync(), Number), dtype: x.dtype },
    ]),
  );
}

/** Equal to a few units in the last place of float32; integers, NaN and infinities exactly; 0 and -0 are one. */
function matches(actual: readonly number[], expected: readonly number[]): boolean {
  return (
    actual.length === expected.length &&
    actual.every((value, i) => {
      const right = expected[i]!;
      if (!Number.isFinite(right) || Number.isInteger(right))
        return value === right || Object.is(value, right);
      return Math.abs(value - right) <= 1e-6 * Math.abs(right);
    })
  );
}

const inAll = { 'TensorFlow.js': eager, ONNX: inOnnx, GraphModel: inGraphModel };
const refusedByGraphModel = (operation: string) => operation.includes('RealDiv');

describe.each(Object.entries(inAll))('values at the ends of the types in %s', (runtime, run) => {
  it.each(edgeCases.map((edge) => [edge.operation, edge] as const))(
    '%s',
    async (operation, edge: EdgeCase) => {
      const { fn, inputs, expected } = edge;
      if (runtime === 'GraphModel' && refusedByGraphModel(operation)) {
        await expect(async () => run(fn, inputs())).rejects.toThrow(/divides int32 tensors with floor/);
        return;
      }
      const actual = await run(fn, inputs());
      const types = eager(fn, inputs());
      expect(Object.keys(actual).toSorted()).toEqual(Object.keys(expected).toSorted());
      for (const [name, { values, dtype }] of Object.entries(actual)) {
        expect(dtype, `type of ${name}`).toBe(types[name]!.dtype);
        expect(matches(values, expected[name]!), `${name}: ${values}, expected ${expected[name]}`).toBe(true);
      }
    },
  );
});

describe('known differences', () => {
  it.each(knownDifferences.map((difference) => [difference.operation, difference] as const))(
    '%s',
    async (_, { fn, inputs, tfjs, onnx, graphModel = tfjs }) => {
      const results = await Promise.all(Object.values(inAll).map((run) => run(fn, inputs())));
      const [own, ours, written] = results.map(({ y }) => y!.values) as [number[], number[], number[]];
      expect(matches(own, tfjs), `TensorFlow.js gives ${own}, the table ${tfjs}`).toBe(true);
      expect(matches(written, graphModel), `GraphModel gives ${written}, the table ${graphModel}`).toBe(true);
      const possible = 'either' in onnx ? onnx.either : [onnx];
      expect(
        possible.some((values) => matches(ours, values)),
        `ONNX gives ${ours}, the table ${possible.join(' or ')}`,
      ).toBe(true);
      // A row whose runtimes agree does not belong here.
      const differ = possible.some((values) => !matches(values, tfjs)) || !matches(graphModel, tfjs);
      expect(differ).toBe(true);
    },
  );
});

it('docs/numerics.md has these tables', async () => {
  // Without what lines columns up.
  const packed = (text: string) => text.replaceAll(/-{3,}/g, '---').replaceAll(/ +/g, ' ');
  const doc = await readFile(new URL('../../../docs/numerics.md', import.meta.url), 'utf8');
  for (const table of [edgeTable(edgeCases), differenceTable(knownDifferences)]) {
    expect(packed(doc).includes(packed(table)), `expected in docs/numerics.md:\n${table}`).toBe(true);
  }
});
