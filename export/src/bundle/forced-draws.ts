import {
  compareOutputs,
  type Difference,
  fillNoise,
  type HostTensor,
  hostTensor,
  parityTolerance,
} from '@generatrix/runtime/core';
import type { tf } from '../tf.ts';
import type { ForcedDraws } from './program.ts';
import { onEagerCpu, toTensors } from './reference.ts';

/** A program that draws value after value, and what is known of its reference run. */
export interface DrawingProgram {
  readonly name: string;
  /** Its output that holds examples. */
  readonly output: string;
  readonly run: (inputs: Record<string, HostTensor>) => Promise<Record<string, HostTensor>>;
  readonly forced: (inputs: Record<string, tf.Tensor>, drawn: tf.Tensor) => ForcedDraws;
  /** Values at the beginning of each example that are given, not drawn. */
  readonly known: number;
}

/** Inputs whose draws are the same on every device that computes probabilities to within the tolerance. */
export interface SettledInputs {
  readonly inputs: Record<string, HostTensor>;
  /** The examples that the program draws from them, [batch, ...shape]. */
  readonly drawn: HostTensor;
  /** For each value, how far its noise lies from where another would be drawn: what `compareOutputs` takes. */
  readonly margin: HostTensor;
  /** How the first draws compare with those that tfjs would have made, each given the values before it. */
  readonly judged: Difference;
}

/**
 * How far from its bounds the noise is moved where it lies nearer: somewhat beyond the distance at which either side
 * of a bound counts as right.
 */
const wantedMargin = 1.25 * parityTolerance.probability;
/** Values less probable than this are not left in a reference: no noise that leads to them is far from its bounds. */
const leastProbability = parityTolerance.probability / 5;
/** Each round draws the examples anew from where the first noise was replaced; a few suffice. */
const mostRounds = 16;
/** Uniform noise comes in multiples of this. */
const grid = 2 ** -24;

/**
 * Judges what a program draws step by step, with its own choices so far fed to tfjs (teacher forcing), and moves the
 * noise of the reference run away from where a choice turns into another: within the bounds of the choice, so that
 * the examples stay what they are. Noise that led to a value too improbable for that is replaced.
 */
export async function settleNoise(
  program: DrawingProgram,
  given: Record<string, HostTensor>,
): Promise<SettledInputs> {
  let inputs = given;
  let judged: Difference | undefined;
  for (let round = 0; ; round++) {
    const drawn = (await program.run(inputs))[program.output]!;
    const { data, bounds } = forcedOnHost(program, inputs, drawn);
    const margin = marginOf(program, inputs, bounds, drawn);
    judged ??= stepByStep(drawn, data, margin, program.known);
    const moved = moveNoise(program, inputs, bounds, round);
    if (moved === null || round === mostRounds) return { inputs, drawn, margin, judged };
    inputs = { ...inputs, ...moved };
  }
}

interface HostBounds {
  readonly [noise: string]: { readonly lower: ArrayLike<number>; readonly upper: ArrayLike<number> };
}

function forcedOnHost(
  { forced }: DrawingProgram,
  inputs: Record<string, HostTensor>,
  drawn: HostTensor,
): { readonly data: HostTensor; readonly bounds: HostBounds } {
  return onEagerCpu(() => {
    const tensors = toTensors({ ...inputs, drawn });
    const { data, bounds } = forced(tensors, tensors.drawn!);
    const onHost = Object.entries(bounds).map(([name, { lower, upper }]) => [
      name,
      { lower: lower.dataSync(), upper: upper.dataSync() },
    ]);
    return {
      data: hostTensor('float32', drawn.shape, data.dataSync()),
      bounds: Object.fromEntries(onHost) as HostBounds,
    };
  });
}

/** Each value by itself, since each was drawn given the same values before it. */
function stepByStep(drawn: HostTensor, forced: HostTensor, margin: HostTensor, known: number): Difference {
  const each = drawn.data.length / drawn.shape[0]!;
  const isDrawn = (_: number, i: number) => i % each >= known;
  const column = ({ data }: HostTensor) => {
    const values = Float32Array.from(data).filter(isDrawn);
    return { step: hostTensor('float32', [values.length, 1], values) };
  };
  return compareOutputs(column(drawn), column(forced), column(margin)).step!;
}

function marginOf(
  { name, known }: DrawingProgram,
  inputs: Readonly<Record<string, HostTensor>>,
  bounds: HostBounds,
  { shape, data }: HostTensor,
): HostTensor {
  const margin = new Float32Array(data.length).fill(Number.POSITIVE_INFINITY);
  const each = data.length / shape[0]!;
  for (const [noise, { lower, upper }] of Object.entries(bounds)) {
    const uniform = inputs[noise]!.data;
    if (uniform.length !== data.length) {
      throw new Error(
        `program ${name}: noise '${noise}' has ${uniform.length} numbers for ${data.length} values`,
      );
    }
    for (let i = 0; i < data.length; i++) {
      if (i % each < known) continue;
      margin[i] = Math.min(margin[i]!, uniform[i]! - lower[i]!, upper[i]! - uniform[i]!);
    }
  }
  return hostTensor('float32', shape, margin);
}

/** The noise that had to be moved, or null. */
function moveNoise(
  { known }: DrawingProgram,
  inputs: Readonly<Record<string, HostTensor>>,
  bounds: HostBounds,
  round: number,
): Record<string, HostTensor> | null {
  const moved: Record<string, HostTensor> = {};
  for (const [noise, { lower, upper }] of Object.entries(bounds)) {
    const { shape, data } = inputs[noise]!;
    const each = data.length / shape[0]!;
    const fresh = fillNoise({
      ...{ distribution: 'uniform', seed: round, stream: `reference/${noise}` },
      ...{ firstIndex: 0, count: shape[0]!, shape: shape.slice(1) },
    });
    const next = Float32Array.from(data, (u, i) => {
      if (i % each < known) return u;
      const [low, high] = [lower[i]!, upper[i]!];
      if (high - low < leastProbability) return fresh[i]!;
      const margin = Math.min(wantedMargin, (high - low) / 2);
      const inside = Math.min(Math.max(u, low + margin), high - margin);
      return inside === u ? u : Math.min(1 - grid, Math.max(0, Math.round(inside / grid) * grid));
    });
    if (next.some((u, i) => Math.abs(u - data[i]!) > grid)) moved[noise] = hostTensor('float32', shape, next);
  }
  return Object.keys(moved).length === 0 ? null : moved;
}
