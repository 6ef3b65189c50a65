import { UserError } from '../errors.ts';
import type { InputSpec } from '../program/program.ts';
import type { HostTensor } from '../program/tensor.ts';

/**
 * Checks that a bound of several draws can be had from a program `logWeight`: each draw keeps the noise that belongs
 * to the example and renews the rest, so the program must say which is which. One noise input alone is the estimate's.
 * @throws UserError when it does not say: a bundle of an earlier release.
 */
export function checkDraws(model: string, inputs: Readonly<Record<string, InputSpec>>, draws: number): void {
  const noises = Object.values(inputs).filter((spec) => spec.role === 'noise');
  if (draws === 1 || noises.length < 2 || noises.every(({ belongsTo }) => belongsTo !== undefined)) return;
  throw new UserError(
    `model ${model} does not say which noise belongs to the example, so only the bound of 1 sample can be had, ` +
      `not of ${draws}: export the model again`,
  );
}

/**
 * log 1/k sum_j exp(w_j) for each example, over k draws of its log-weight w: the importance-weighted bound of Burda,
 * Grosse and Salakhutdinov 2016, eq. 8. With one draw it is the log-weight itself, whose mean is the ELBO.
 * The sum runs in double precision around the largest weight so far, so draws are not kept.
 * @param evaluate log-weights of all examples for a draw, [count], nats
 */
export async function estimateLogProb(
  draws: number,
  count: number,
  evaluate: (draw: number) => Promise<HostTensor>,
): Promise<Float32Array> {
  const largest = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
  const sum = new Float64Array(count);
  for (let draw = 0; draw < draws; draw++) {
    const { data } = await evaluate(draw);
    for (let i = 0; i < count; i++) {
      const weight = data[i]!;
      if (weight > largest[i]!) {
        sum[i] = sum[i]! * Math.exp(largest[i]! - weight) + 1;
        largest[i] = weight;
      } else if (weight !== Number.NEGATIVE_INFINITY) {
        sum[i] = sum[i]! + Math.exp(weight - largest[i]!);
      }
    }
  }
  // A weight that is not a number has made the sum one, and stays visible. No draw with any weight: log 0.
  return Float32Array.from(largest, (peak, i) => (sum[i] === 0 ? peak : peak + Math.log(sum[i]! / draws)));
}
