import { fillNoise, type HostTensor, hostTensor, messageOf, runAtOnce, sizeOf } from '@generatrix/runtime';
import { concreteShape, type Graph, type Port } from '../graph/ir.ts';
import { writeOnnx } from '../onnx/write.ts';
import { TraceError } from './errors.ts';
import { mergeBatchSizes } from './merge.ts';

/** Largest difference allowed, relative to the largest magnitude of the output or 1: the same sums in another order. */
const tolerance = 1e-3;

/**
 * Makes sure that the graph for any batch size is right for a batch of one. Mostly the function runs the same ops
 * there. Where it does not, it may be right all the same: a gradient leaves out the sum over an axis of one entry. So
 * the trace at one and the graph for any size are run on the same values.
 * @param merged the graph for any batch size
 * @param graphs the traces that it was made from, at the sizes given
 * @throws TraceError saying what the function does otherwise, unless both compute the same.
 */
export function requireSameForOne(
  merged: Graph,
  graphs: readonly Graph[],
  sizes: readonly number[],
  recordOne: () => Graph,
): void {
  let one: Graph;
  try {
    one = recordOne();
  } catch (error) {
    throw otherwise(messageOf(error), sizes, error);
  }
  try {
    mergeBatchSizes([...graphs, one], [...sizes, 1]);
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    const difference = differenceInValues(merged, one);
    if (difference !== null) throw otherwise(`${error.message}; ${difference}`, sizes, error);
  }
}

function otherwise(what: string, sizes: readonly number[], cause: unknown): TraceError {
  return new TraceError(
    `for a batch of one the function does something else than for ${sizes.join(', ')} examples: ${what}; give squeeze ` +
      'and reshape their axes and sizes by number, and do not ask whether the batch size is 1',
    { cause },
  );
}

/** What differs between the outputs of two programs for one example, or null. */
function differenceInValues(merged: Graph, one: Graph): string | null {
  for (const distribution of ['uniform', 'normal'] as const) {
    const inputs = Object.fromEntries(one.inputs.map((port) => [port.name, valuesFor(port, distribution)]));
    let results: Record<string, HostTensor>[];
    try {
      results = [merged, one].map((graph) => runAtOnce(writeOnnx(graph, { name: 'one-example' }), inputs));
    } catch (error) {
      return `run on one example: ${messageOf(error)}`;
    }
    const [any, alone] = results as [Record<string, HostTensor>, Record<string, HostTensor>];
    for (const { name } of merged.outputs) {
      const [a, b] = [any[name]!, alone[name]];
      if (b === undefined) return `output '${name}' is missing for one example`;
      if (String(a.shape) !== String(b.shape)) {
        return `output '${name}' has shape [${b.shape}] for one example, expected [${a.shape}]`;
      }
      if (!close(a, b)) return `output '${name}' has other values for one example`;
    }
  }
  return null;
}

/** Values for an input: zeros and ones where it is no float, which are indices that any table has. */
function valuesFor({ name, value }: Port, distribution: 'uniform' | 'normal'): HostTensor {
  const shape = concreteShape(value.shape, name);
  const data =
    value.dtype === 'float32'
      ? fillNoise({ distribution, seed: 1, stream: name, firstIndex: 0, count: 1, shape })
      : Array.from({ length: sizeOf(shape) }, (_, i) => i % 2);
  return hostTensor(value.dtype, shape, data);
}

function close(a: HostTensor, b: HostTensor): boolean {
  const [left, right] = [Array.from<number>(a.data), Array.from<number>(b.data)];
  const scale = left.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 1);
  return left.every((x, i) => Object.is(x, right[i]) || Math.abs(x - right[i]!) <= tolerance * scale);
}
