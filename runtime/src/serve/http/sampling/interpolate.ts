import type { Request, Response } from 'express';
import type { InputSources } from '../../../model/inputs.ts';
import { fillNoise, type Seed } from '../../../noise/noise.ts';
import type { InputSpec } from '../../../program/program.ts';
import { type HostTensor, hostTensor, sizeOf } from '../../../program/tensor.ts';
import type { ServedModel } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import { HttpError } from '../http-error.ts';
import { chooseFormat, sendSamples } from './present.ts';
import {
  inputOfRole,
  inputsOf,
  labelSources,
  runAndPick,
  scalarSources,
  seedFor,
  tensorField,
} from './programs.ts';
import { readRequest } from './request.ts';
import type { SamplingBody, SamplingSchemas } from './schemas.ts';

type Body = SamplingBody<'interpolate'>;
type Point = Body['from'];
type NoiseSpec = InputSpec & { readonly role: 'noise' };

/** `POST .../interpolate`: examples on the way between two seeds, or between two codes. */
export async function interpolateSamples(
  context: ServerContext,
  { interpolate }: SamplingSchemas,
  request: Request,
  response: Response,
): Promise<void> {
  const { model, body, presentation } = readRequest(context, request, response, interpolate);
  const ends = [sampleOf(body.from), sampleOf(body.to)] as const;
  const [from, to] = ends;
  if ((from === undefined) !== (to === undefined)) {
    throw new HttpError(400, 'to: expected a point of the kind of from: both seeds, or both latents');
  }
  const program = from === undefined ? 'decode' : 'sample';
  inputsOf(model, program);
  const chosen = chooseFormat(request, model, presentation);
  const { steps } = body;
  const seed = from?.seed ?? seedFor(model, program, body.seed);
  const label = body.label ?? (from && classInTurn(model, from.index));
  const drawn = await runAndPick(context, response, {
    model,
    program,
    meaning: 'data',
    sources: {
      seed: seed ?? 0,
      firstIndex: 0,
      count: steps,
      ...(from && to ? { tensors: noiseWay(model, from, to, body) } : latentWay(context, model, body)),
      ...labelSources(model, program, label, steps, from === undefined),
      ...scalarSources(model, program, body, Object.keys(interpolate.shape)),
    },
  });
  await sendSamples(response, { model, program, seed, ...drawn }, chosen);
}

interface SampleOf {
  readonly seed: Seed;
  readonly index: number;
}

function sampleOf(point: Point): SampleOf | undefined {
  if (typeof point !== 'object') return { seed: point, index: 0 };
  return 'latent' in point ? undefined : point;
}

/** The class that sample `index` would get: the way begins at that very sample. */
function classInTurn(model: ServedModel, index: number): number | undefined {
  const spec = Object.values(inputsOf(model, 'sample')).find(({ role }) => role === 'label');
  return spec?.role === 'label' ? index % spec.classes : undefined;
}

/**
 * Between the noise of two samples: normal noise goes from one to the other, uniform noise, whose distribution no
 * mixture keeps, stays that of the first.
 */
function noiseWay(
  model: ServedModel,
  from: SampleOf,
  to: SampleOf,
  { steps, method }: Body,
): Record<string, HostTensor> {
  const inputs = Object.entries(inputsOf(model, 'sample')).filter(
    (entry): entry is [string, NoiseSpec] => entry[1].role === 'noise',
  );
  if (!inputs.some(([, { distribution }]) => distribution === 'normal')) {
    throw new HttpError(
      400,
      `model ${model.name} samples without normal noise: there is no way between two seeds`,
    );
  }
  return Object.fromEntries(
    inputs.map(([name, { distribution, shape }]) => {
      const noise = ({ seed, index }: SampleOf) =>
        fillNoise({ distribution, seed, stream: `sample/${name}`, firstIndex: index, count: 1, shape });
      const start = noise(from);
      return [name, way(start, distribution === 'normal' ? noise(to) : start, shape, steps, method)];
    }),
  );
}

function latentWay(
  context: ServerContext,
  model: ServedModel,
  { from, to, steps, method }: Body,
): Pick<InputSources, 'latent'> {
  const spec = inputOfRole(model, 'decode', 'latent');
  const [start, end] = [from, to].map((point, i) => {
    const where = `${['from', 'to'][i]}.latent`;
    const tensor = tensorField(context, where, spec, (point as { latent: unknown }).latent);
    if (tensor.shape[0] === 1) return tensor.data;
    throw new HttpError(400, `${where}: expected one code, got ${tensor.shape[0]}`);
  });
  return { latent: way(start as Float32Array, end as Float32Array, spec.shape, steps, method) };
}

function way(
  start: Float32Array,
  end: Float32Array,
  shape: readonly number[],
  steps: number,
  method: Body['method'],
): HostTensor {
  const size = sizeOf(shape);
  const values = new Float32Array(steps * size);
  for (let step = 0; step < steps; step++) {
    const [a, b] = mixture(start, end, step / (steps - 1), method);
    for (let i = 0; i < size; i++) values[step * size + i] = a * start[i]! + b * end[i]!;
  }
  return hostTensor('float32', [steps, ...shape], values);
}

/**
 * Weights of the two ends at t in [0, 1]. Spherical: sin((1 - t) w) / sin w and sin(t w) / sin w for the angle w
 * between them (Shoemake 1985, "Animating rotation with quaternion curves"), which keeps the length that normal
 * noise has; ends on one line fall back to linear.
 */
export function mixture(
  start: ArrayLike<number>,
  end: ArrayLike<number>,
  t: number,
  method: Body['method'],
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
