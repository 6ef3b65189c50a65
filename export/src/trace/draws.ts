import { tf } from '../tf.ts';
import { TraceError } from './errors.ts';

/** A tensor of random numbers that a traced function draws: offset + scale times standard noise. */
export interface Draw {
  /** Normal of mean 0 and deviation 1, or uniform between 0 and 1. */
  readonly distribution: 'normal' | 'uniform';
  readonly shape: readonly number[];
  readonly offset: number;
  readonly scale: number;
}

/** Where the numbers come from instead: a tensor of standard noise of the shape, or null to leave them as drawn. */
export type DrawSource = (draw: Draw) => tf.Tensor | null;

const distributions: Readonly<Record<string, Draw['distribution']>> = {
  randomNormal__op: 'normal',
  randomUniform__op: 'uniform',
};

/** One run of a function whose random tensors are taken from a source. */
class Draws {
  readonly source: DrawSource;
  /** The number that tfjs took for the seed of the generator that it made last. */
  seed = 0.5;
  seedsTaken = 0;
  drawn = 0;
  /** Set while standard numbers are drawn to compare with: they are caught here. */
  comparing = false;
  caught: ArrayLike<number> = [];

  constructor(source: DrawSource) {
    this.source = source;
  }

  /** The law of the numbers that tfjs drew from the last seed. */
  lawOf(distribution: Draw['distribution'], values: ArrayLike<number>, shape: readonly number[]): Draw {
    this.comparing = true;
    const draw = distribution === 'normal' ? tf.randomNormal : tf.randomUniform;
    draw([...shape], 0, 1, 'float32', this.seed).dispose();
    this.comparing = false;
    const fitted = affineFit(values, this.caught);
    if (fitted === null) {
      throw new TraceError(
        `random numbers of shape [${shape}] in a training step come from a generator with a seed of its own, which ` +
          'would give the same ones at every step: leave the seed out',
      );
    }
    return { distribution, shape, ...fitted };
  }
}

let current: Draws | null = null;

/**
 * Runs a function whose tf.randomNormal and tf.randomUniform take their numbers from `source`. tfjs seeds each call by
 * Math.random, which is ours meanwhile: so the standard numbers behind a call are known, and what the call made of them.
 * @throws TraceError where the function calls Math.random itself: its result would be frozen into the program.
 */
export function withDraws<T>(source: DrawSource, body: () => T): T {
  const outer = current;
  const random = Math.random;
  const draws = new Draws(source);
  current = draws;
  Math.random = () => {
    draws.seedsTaken++;
    draws.seed = (draws.seedsTaken * 0.6180339887498949) % 1;
    return draws.seed;
  };
  try {
    const result = body();
    if (draws.seedsTaken !== draws.drawn) {
      throw new TraceError(
        'the training step draws numbers besides tf.randomNormal and tf.randomUniform (Math.random, ' +
          'tf.truncatedNormal, ...): they would be frozen into the program; draw with one of the two',
      );
    }
    return result;
  } finally {
    current = outer;
    Math.random = random;
  }
}

/** What is to be done with values that tfjs hands to the tracing backend. */
export type Handled =
  | { readonly kind: 'constant' }
  | { readonly kind: 'tensor'; readonly tensor: tf.Tensor }
  | { readonly kind: 'discarded' };

/**
 * Looks at values that tfjs hands over: those of a random tensor are replaced, where a source of numbers is set.
 * @returns null where there is none, or where the op that runs draws other numbers.
 */
export function handleDraw(values: tf.BackendValues, shape: readonly number[]): Handled | null {
  const draws = current;
  if (draws === null) return null;
  if (draws.comparing) {
    draws.caught = values as ArrayLike<number>;
    return { kind: 'discarded' };
  }
  const distribution = distributions[tf.engine().state.activeScope?.name ?? ''];
  if (distribution === undefined) return draws.seedsTaken === draws.drawn ? { kind: 'constant' } : null;
  const law = draws.lawOf(distribution, values as ArrayLike<number>, shape);
  draws.drawn++;
  const noise = draws.source(law);
  if (noise === null) return { kind: 'constant' };
  const scaled = law.scale === 1 ? noise : tf.mul(noise, law.scale);
  return { kind: 'tensor', tensor: law.offset === 0 ? scaled : tf.add(scaled, law.offset) };
}

/** Float32 keeps seven digits: the numbers in the user's code are shorter. */
const digits = 7;

/** `values` as offset + scale * standard, element by element, or null when they are not. */
function affineFit(
  values: ArrayLike<number>,
  standard: ArrayLike<number>,
): { offset: number; scale: number } | null {
  let [low, high] = [0, 0];
  for (let i = 0; i < standard.length; i++) {
    if (standard[i]! < standard[low]!) low = i;
    if (standard[i]! > standard[high]!) high = i;
  }
  const span = standard[high]! - standard[low]!;
  const rounded = (x: number) => Number(x.toPrecision(digits));
  const scale = span === 0 ? 1 : rounded((values[high]! - values[low]!) / span);
  const offset = span === 0 ? 0 : rounded(values[low]! - scale * standard[low]!);
  const exact = Math.abs(offset) < 1e-6 * Math.abs(scale) ? 0 : offset;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(exact) + Math.abs(scale * standard[i]!);
    if (!(Math.abs(values[i]! - (exact + scale * standard[i]!)) <= 1e-6 * (size + Math.abs(scale))))
      return null;
  }
  return { offset: exact, scale };
}
