import { tf } from '@generatrix/export';
import { grid, type Program } from './program.ts';

/** Steps of the central differences; where both say the same there is no kink between and little rounding. */
const steps = [1 / 32, 1 / 64] as const;
/** How well the two must agree to be believed, and how well the gradient must agree with them. */
const tolerances = { believed: 4e-3, gradient: 2e-2 };

/**
 * Compares the gradients of a program, along one direction, with central differences of what they are gradients of, at
 * inputs that lie on no kink of relu or the like.
 * @returns what differs; null also where the differences tell nothing
 */
export function slopeDifference({ text, fn, loss, inputs }: Program): string | null {
  // tfjs lets a gradient straight through a cast to int32 or bool, whose slope is 0 almost everywhere.
  if (loss === null || text.includes('"int32")') || text.includes('"bool")')) return null;
  const [slope, scale, coarse, fine] = tf.tidy(() => {
    const at = (step: number) => {
      const entries = inputs.map(({ name, dtype, shape }, i) => {
        const values = grid(shape, i, dtype);
        if (dtype !== 'float32') return [name, values] as const;
        // Further from the grid than any step: there most kinks lie.
        const uneven = tf.sin(tf.reshape(tf.range(1, values.size + 1), values.shape));
        const aside = tf.add(tf.mul(uneven, 0.03), 0.08);
        return [name, tf.addN([values, aside, tf.mul(direction(values.shape, i), step)])] as const;
      });
      return Object.fromEntries(entries);
    };
    const value = (step: number) => loss(at(step)).dataSync()[0]!;
    const [coarse, fine] = steps.map((step) => (value(step) - value(-step)) / (2 * step)) as [number, number];
    const results = fn(at(0));
    let slope = 0;
    let scale = 1;
    for (const [i, { name, dtype, shape }] of inputs.entries()) {
      if (dtype !== 'float32') continue;
      const along = tf.mul(results[`d${name}`]!, direction(shape, i));
      slope += tf.sum(along).dataSync()[0]!;
      scale += tf.sum(tf.abs(along)).dataSync()[0]!;
    }
    return [slope, scale, coarse, fine] as [number, number, number, number];
  });
  if (!(Math.abs(coarse - fine) <= tolerances.believed * scale)) return null;
  if (Math.abs(fine - slope) <= tolerances.gradient * scale) return null;
  return `the gradient says ${slope}, differences ${fine}`;
}

/** Weights of the inputs' values, no two alike. */
function direction(shape: readonly number[], salt: number): tf.Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.reshape(tf.cos(tf.add(tf.range(0, size), salt)), [...shape]);
}
