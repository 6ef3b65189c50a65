import type { HostTensor, Manifest } from '@generatrix/runtime/core';
import type { RemoteSampler } from '../worker/remote-sampler.ts';

/** Where the codes of a model lie: the mean and the deviation of each dimension. */
export interface CodeSpace {
  readonly centre: Float32Array;
  readonly deviation: Float32Array;
}

/** Samples whose codes are looked at. */
const looked = 64;

/** Whether samples are made of codes that are standard normal noise, which programs call `z`, and not made from it. */
export function codeIsNoise({ programs }: Pick<Manifest, 'programs'>): boolean {
  const code = Object.values(programs.decode?.inputs ?? {}).find(({ role }) => role === 'latent');
  const noise = programs.sample?.inputs.z;
  return (
    noise?.role === 'noise' && noise.distribution === 'normal' && String(noise.shape) === String(code?.shape)
  );
}

/**
 * Where the codes lie: about 0 with deviation 1 where they are standard normal or nothing better is known, and else,
 * as of a prior that is learned or told a class, where those of a few samples are.
 */
export async function codeSpace(
  sampler: Pick<RemoteSampler, 'sample' | 'encode'>,
  manifest: Pick<Manifest, 'programs'>,
  size: number,
  condition: { readonly label?: number },
): Promise<CodeSpace> {
  const { sample, encode } = manifest.programs;
  if (sample === undefined || encode === undefined || codeIsNoise(manifest)) {
    return { centre: new Float32Array(size), deviation: new Float32Array(size).fill(1) };
  }
  const { data } = await sampler.sample({ count: looked, seed: 1, ...condition });
  return momentsOf(await sampler.encode(data, condition));
}

/** Mean and deviation of each dimension of codes [n, ...shape]. */
export function momentsOf({ shape, data }: HostTensor): CodeSpace {
  const count = shape[0]!;
  const size = data.length / count;
  const values = data as Float32Array;
  const over = (of: (value: number, i: number) => number) => {
    const sums = new Float32Array(size);
    for (const [i, value] of values.entries()) sums[i % size]! += of(value, i % size) / count;
    return sums;
  };
  const centre = over((value) => value);
  const deviation = over((value, i) => (value - centre[i]!) ** 2).map(Math.sqrt);
  return { centre, deviation };
}
