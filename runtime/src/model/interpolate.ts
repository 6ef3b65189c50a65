import { UserError } from '../errors.ts';
import { fillNoise, type Seed } from '../noise/noise.ts';
import type { InputSpec } from '../program/program.ts';
import { type HostTensor, hostTensor, sizeOf } from '../program/tensor.ts';
import { canInterpolateSeeds } from './abilities.ts';
import { batchOptions, conditionsFor, nameOf, outputOf, rows, spread } from './arguments.ts';
import type { InterpolateRequest, RunnableModel, Samples } from './contract.ts';
import { decodeLatents } from './convert.ts';

type Method = NonNullable<InterpolateRequest['method']>;
type NoiseInput = InputSpec & { readonly role: 'noise' };
interface SampleOf {
  readonly seed: Seed;
  readonly index?: number;
}

/** Places evenly spread over a way, ends included. @param steps how many, from 2 */
export function evenPlaces(steps: number): number[] {
  return Array.from({ length: steps }, (_, step) => step / (steps - 1));
}

/**
 * Examples on the way between two samples, through the noise that they are drawn from, or between two codes.
 * @throws UserError when the ends are of two kinds, the model has no such way, or the request makes no sense.
 */
export async function interpolateExamples(
  model: RunnableModel,
  request: InterpolateRequest,
): Promise<Samples> {
  const { from, to, places, method = 'spherical', ...options } = request;
  if (places.length === 0 || !places.every(Number.isFinite)) {
    throw new UserError(`places: expected at least one finite number, got [${places}]`);
  }
  if ('latent' in from && 'latent' in to) {
    const [start, end] = [oneCode('from', from.latent), oneCode('to', to.latent)];
    return decodeLatents(model, way(start.data, end.data, start.shape.slice(1), places, method), options);
  }
  if ('latent' in from || 'latent' in to) {
    throw new UserError('to: expected a point of the kind of from: both seeds, or both latents');
  }
  return betweenSeeds(model, from, to, { ...options, places, method });
}

/**
 * Between the noise of two samples: normal noise goes from one to the other, uniform noise, whose distribution no
 * mixture keeps, stays that of the first. Without a label, all have the class of the first.
 */
async function betweenSeeds(
  model: RunnableModel,
  from: SampleOf,
  to: SampleOf,
  {
    places,
    method,
    label,
    conditions,
    scalars,
    ...options
  }: Omit<InterpolateRequest, 'from' | 'to'> & { method: Method },
): Promise<Samples> {
  const program = 'sample';
  const { inputs } = model.program(program);
  if (!canInterpolateSeeds(model)) {
    throw new UserError(
      `model ${nameOf(model)} samples without normal noise: there is no way between two seeds`,
    );
  }
  const tensors = noiseInputs(inputs).map(([name, { distribution, shape }]) => {
    const noise = ({ seed, index = 0 }: SampleOf) =>
      fillNoise({ distribution, seed, stream: `${program}/${name}`, firstIndex: index, count: 1, shape });
    const start = noise(from);
    return [name, way(start, distribution === 'normal' ? noise(to) : start, shape, places, method)];
  });
  const count = places.length;
  const spec = Object.values(inputs).find(({ role }) => role === 'label');
  const first = spec?.role === 'label' ? (from.index ?? 0) % spec.classes : undefined;
  const classes = label ?? first;
  const { seed } = from;
  const sources = {
    seed,
    firstIndex: 0,
    count,
    tensors: Object.fromEntries(tensors) as Record<string, HostTensor>,
    ...(classes !== undefined && { labels: spread(classes, count) }),
    ...conditionsFor(conditions, count),
    ...(scalars && { scalars }),
  };
  const outputs = await model.run(program, sources, batchOptions(options));
  return { seed, outputs, data: outputOf(model, program, outputs, 'data') };
}

function noiseInputs(inputs: Readonly<Record<string, InputSpec>>): [string, NoiseInput][] {
  return Object.entries(inputs).filter((entry): entry is [string, NoiseInput] => entry[1].role === 'noise');
}

function oneCode(where: string, latent: HostTensor): HostTensor {
  const count = rows(latent);
  if (count === 1) return latent;
  throw new UserError(`${where}.latent: expected one code, got ${count}`);
}

function way(
  start: ArrayLike<number>,
  end: ArrayLike<number>,
  shape: readonly number[],
  places: readonly number[],
  method: Method,
): HostTensor {
  const size = sizeOf(shape);
  const values = new Float32Array(places.length * size);
  for (const [step, place] of places.entries()) {
    values.set(mixed(start, end, mixture(start, end, place, method)), step * size);
  }
  return hostTensor('float32', [places.length, ...shape], values);
}

/**
 * Between two codes at `t` from 0 to 1, along the great circle through them (Shoemake 1985), which keeps to the
 * lengths that the prior makes likely; a straight line would pass through codes that are too short. Codes on one line
 * are joined straight.
 */
export function slerp(start: ArrayLike<number>, end: ArrayLike<number>, t: number): Float32Array {
  return mixed(start, end, mixture(start, end, t, 'spherical'));
}

function mixed(
  start: ArrayLike<number>,
  end: ArrayLike<number>,
  [a, b]: readonly [number, number],
): Float32Array {
  return Float32Array.from({ length: start.length }, (_, i) => a * start[i]! + b * end[i]!);
}

/**
 * Weights of the two ends at t in [0, 1]. Spherical: sin((1 - t) w) / sin w and sin(t w) / sin w for the angle w
 * between them (Shoemake 1985, "Animating rotation with quaternion curves"), which keeps the length that normal
 * noise has; ends on one line fall back to linear.
 */
function mixture(
  start: ArrayLike<number>,
  end: ArrayLike<number>,
  t: number,
  method: Method,
): readonly [number, number] {
  if (method === 'linear') return [1 - t, t];
  let [dot, normStart, normEnd] = [0, 0, 0];
  for (let i = 0; i < start.length; i++) {
    dot += start[i]! * end[i]!;
    normStart += start[i]! ** 2;
    normEnd += end[i]! ** 2;
  }
  const cosine = dot / Math.sqrt(normStart * normEnd);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const sine = Math.sin(angle);
  if (!(sine > 1e-6)) return [1 - t, t];
  return [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
}
