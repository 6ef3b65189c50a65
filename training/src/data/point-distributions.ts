import type { RandomStream } from '@generatrix/runtime/core';

/** A point of the plane and the class it was drawn from. */
export type LabelledPoint = readonly [x: number, y: number, label: number];

/** The centres of a mixture of round Gaussians with equal weights, for counting modes. */
export interface Modes {
  readonly centres: readonly (readonly [number, number])[];
  /** Standard deviation of each mode, along each axis. */
  readonly std: number;
}

/** A distribution on the plane that points are drawn from. */
export interface PointDistribution {
  readonly summary: string;
  readonly classNames: readonly string[];
  draw(random: RandomStream): LabelledPoint;
  /** Log-density in nats of each point of `[n, 2]` values; only for distributions that have it in closed form. */
  readonly logDensity?: (points: ArrayLike<number>) => Float64Array;
  readonly modes?: Modes;
}

const count = (size: number): string[] => Array.from({ length: size }, (_, i) => String(i));

/** Equal-weight mixture of round Gaussians: log sum_k exp(-|x - c_k|^2 / 2 std^2) - log(2 pi std^2 K). */
function gaussianMixture(summary: string, modes: Modes): PointDistribution {
  const { centres, std } = modes;
  return {
    summary,
    classNames: count(centres.length),
    modes,
    draw(random) {
      const label = random.nextInt(centres.length);
      const [x, y] = centres[label]!;
      return [x + std * random.nextNormal(), y + std * random.nextNormal(), label];
    },
    logDensity(points) {
      const out = new Float64Array(points.length / 2);
      const logNormaliser = Math.log(2 * Math.PI * std * std * centres.length);
      for (let row = 0; row < out.length; row++) {
        const exponents = centres.map(
          ([x, y]) => -((points[2 * row]! - x) ** 2 + (points[2 * row + 1]! - y) ** 2) / (2 * std * std),
        );
        const largest = Math.max(...exponents);
        const sum = exponents.reduce((total, exponent) => total + Math.exp(exponent - largest), 0);
        out[row] = largest + Math.log(sum) - logNormaliser;
      }
      return out;
    },
  };
}

/** Side of a square of the checkerboard, and how many squares stand along its edge. */
const square = 2;
const squaresPerEdge = 4;

const checkerboard: PointDistribution = {
  summary: 'the 8 dark squares of a 4x4 board of side-2 squares on [-4, 4]^2, uniform',
  classNames: count(8),
  draw(random) {
    const label = random.nextInt(8);
    const row = Math.floor(label / 2);
    const column = 2 * (label % 2) + (row % 2);
    return [
      (column - squaresPerEdge / 2 + random.nextUniform()) * square,
      (row - squaresPerEdge / 2 + random.nextUniform()) * square,
      label,
    ];
  },
  logDensity(points) {
    const inside = -Math.log(8 * square * square);
    return Float64Array.from({ length: points.length / 2 }, (_, n) => {
      const column = Math.floor(points[2 * n]! / square + squaresPerEdge / 2);
      const row = Math.floor(points[2 * n + 1]! / square + squaresPerEdge / 2);
      const onBoard = column >= 0 && column < squaresPerEdge && row >= 0 && row < squaresPerEdge;
      return onBoard && (row + column) % 2 === 0 ? inside : -Infinity;
    });
  },
};

/** Two interleaved half circles, as scikit-learn's `make_moons` places them, with noise of std 0.08. */
const moons: PointDistribution = {
  summary: 'two interleaved half circles of radius 1, noise of std 0.08',
  classNames: ['upper', 'lower'],
  draw(random) {
    const label = random.nextInt(2);
    const angle = Math.PI * random.nextUniform();
    const x = label === 0 ? Math.cos(angle) : 1 - Math.cos(angle);
    const y = label === 0 ? Math.sin(angle) : 0.5 - Math.sin(angle);
    return [x + 0.08 * random.nextNormal(), y + 0.08 * random.nextNormal(), label];
  },
};

/**
 * Two Archimedean arms of one and a half turns: radius angle / 3, angle 3 pi sqrt(u), noise of std 0.1
 * (the `2spirals` of the FFJORD code has the same arms).
 */
const spirals: PointDistribution = {
  summary: 'two spiral arms of one and a half turns and radius up to 3.1, noise of std 0.1',
  classNames: ['first', 'second'],
  draw(random) {
    const label = random.nextInt(2);
    const angle = 3 * Math.PI * Math.sqrt(random.nextUniform());
    const radius = (label === 0 ? 1 : -1) * (angle / 3);
    return [
      -radius * Math.cos(angle) + 0.1 * random.nextNormal(),
      radius * Math.sin(angle) + 0.1 * random.nextNormal(),
      label,
    ];
  },
};

/**
 * The two-dimensional distributions. `ring8` and `grid25` have the sizes of the mode-coverage tables (Srivastava et
 * al. 2017, VEEGAN; Lin et al. 2018, PacGAN, section 4.1): variance 1e-4 about a ring of radius 1, and
 * variance 0.0025 about a grid of spacing 2.
 */
export const pointDistributions = {
  ring8: gaussianMixture('8 Gaussians of std 0.01 on a ring of radius 1', {
    centres: Array.from({ length: 8 }, (_, i) => [Math.cos((Math.PI * i) / 4), Math.sin((Math.PI * i) / 4)]),
    std: 0.01,
  }),
  grid25: gaussianMixture('25 Gaussians of std 0.05 on a grid of spacing 2, from -4 to 4', {
    centres: Array.from({ length: 25 }, (_, i) => [-4 + 2 * Math.floor(i / 5), -4 + 2 * (i % 5)]),
    std: 0.05,
  }),
  moons,
  spirals,
  checkerboard,
} as const satisfies Record<string, PointDistribution>;

export type PointDistributionName = keyof typeof pointDistributions;

/** The distribution that a data set's points are drawn from, or null when it is none of the built-in ones. */
export function pointDistributionOf(dataset: string): PointDistribution | null {
  return Object.hasOwn(pointDistributions, dataset)
    ? pointDistributions[dataset as PointDistributionName]
    : null;
}
