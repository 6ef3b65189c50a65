import { type HostTensor, hostTensor, type Sampler, sizeOf } from '@generatrix/runtime/web';
import type { Walked, WalkRequest } from './protocol.ts';

/**
 * Takes steps of a model's Markov chain, and measures where it comes to: the free energy of each state where the model
 * gives one, else the mean of its values.
 * @param taken called after each step, and waited for
 */
export async function walkSteps(
  sampler: Sampler,
  { steps, ...request }: WalkRequest,
  signal: AbortSignal,
  taken: (done: number) => Promise<void>,
): Promise<Walked> {
  const begun = performance.now();
  let done = 0;
  for await (const part of sampler.walk({ ...request, signal })) {
    done += 1;
    if (done >= steps) {
      const trace = await traceOf(sampler, statesOf(sampler, part.carries) ?? part.data, request.seed);
      return { ...part, trace, walkMs: performance.now() - begun };
    }
    await taken(done);
  }
  throw new Error('the chain ended'); // a walk has no end
}

/** Examples among the carries, of a chain that says where they are. */
function statesOf({ manifest }: Sampler, carries: Walked['carries']): HostTensor | undefined {
  const carry = carries[manifest.programs.transition!.chain?.example ?? ''];
  if (carry === undefined) return undefined;
  const { shape } = manifest.data;
  const [count = 0, width = 0] = carry.shape;
  const size = sizeOf(shape);
  const values = new Float32Array(count * size);
  for (let i = 0; i < count; i += 1)
    values.set(carry.data.subarray(i * width, i * width + size) as Float32Array, i * size);
  return hostTensor('float32', [count, ...shape], values);
}

async function traceOf(sampler: Sampler, data: HostTensor, seed: number): Promise<Walked['trace']> {
  const count = data.shape[0]!;
  const energy = Object.entries(sampler.manifest.programs).find(([, { outputs }]) =>
    Object.hasOwn(outputs, 'freeEnergy'),
  )?.[0];
  if (energy !== undefined) {
    const { freeEnergy } = await sampler.run(energy, { seed, firstIndex: 0, count, data });
    return { name: 'free energy, nats,', values: freeEnergy!.data as Float32Array };
  }
  const size = data.data.length / count;
  const values = Float32Array.from({ length: count }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < size; j += 1) sum += data.data[i * size + j]!;
    return sum / size;
  });
  return { name: 'mean of the values', values };
}
