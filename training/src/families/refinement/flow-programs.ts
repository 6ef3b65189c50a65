import { type NamedTensors, scan, tf } from '@generatrix/export';
import { type DataSpec, type InputSpec, sizeOf } from '@generatrix/runtime/core';
import { fromData, scaleLogDet, unscaled } from '../../core/data-scale.ts';
import type { ModelProgram } from '../../model/model.ts';
import { standardNormalLogProb, sumExamples } from '../../nn/distributions.ts';
import { type Field, type SolverName, solvers } from './ode.ts';

/** What the programs of a flow along an ordinary differential equation are made of. */
export interface FlowProgramParts {
  readonly spec: DataSpec;
  /** The velocity from noise (time 0) to data (time 1), in the network's scale, without guidance. */
  field(state: NamedTensors, inputs: NamedTensors): Field;
  /** The class that the velocity is told; none where there are no classes. */
  readonly labelInputs: Readonly<Record<string, InputSpec>>;
  readonly solver: SolverName;
  /** Steps of a sample. */
  readonly steps: number;
  /** Steps of the classical Runge-Kutta method for the density. */
  readonly densitySteps: number;
}

/** Steps between an image and its code at most: an explorer asks for codes again and again. */
const imageSteps = 8;

/** Most dimensions whose divergence is taken, a backward pass for each. */
const mostExact = 16;

/** Positions after `steps` equal steps of a solver from one time to the other, in one loop: [batch, ...] to the same. */
export function integrated(
  field: Field,
  x: tf.Tensor,
  { solver, steps, from, to }: { solver: SolverName; steps: number; from: number; to: number },
): tf.Tensor {
  const size = (to - from) / steps;
  const { carries } = scan({
    carries: { x },
    sequences: { index: tf.range(0, steps) },
    body: ({ x: before }, { index }) => {
      const time = tf.add(from, tf.mul(size, index!));
      return { carries: { x: solvers[solver](field, before!, time, tf.scalar(size)).x } };
    },
  });
  return carries.x!;
}

/**
 * `encode` and `decode`: an example to the noise that the flow takes to it, and back, in the flow's number of steps, of images
 * in no more than eight; each by the solver, so that one undoes the other as far as its steps are fine. `logProb`, for points of few
 * dimensions: see `logDensity`.
 */
export function flowPrograms(parts: FlowProgramParts): Record<string, ModelProgram> {
  const { spec, labelInputs: label, solver } = parts;
  const steps = spec.kind === 'image' ? Math.min(parts.steps, imageSteps) : parts.steps;
  const shape = [...spec.shape];
  const size = sizeOf(shape);
  const data: InputSpec = { dtype: 'float32', shape, role: 'data' };
  return {
    encode: {
      signature: {
        inputs: { data, ...label },
        outputs: { latent: { dtype: 'float32', shape: [size], meaning: 'latent' } },
      },
      run: (state, inputs) => {
        const field = parts.field(state, inputs);
        const x = integrated(field, fromData(state, inputs.data!, spec), { solver, steps, from: 1, to: 0 });
        return { latent: tf.reshape(x, [x.shape[0]!, size]) };
      },
    },
    decode: {
      signature: {
        inputs: { latent: { dtype: 'float32', shape: [size], role: 'latent' }, ...label },
        outputs: { data: { dtype: 'float32', shape, meaning: 'data' } },
      },
      run: (state, inputs) => {
        const z = tf.reshape(inputs.latent!, [inputs.latent!.shape[0]!, ...shape]);
        const field = parts.field(state, inputs);
        return { data: unscaled(state, integrated(field, z, { solver, steps, from: 0, to: 1 }), spec) };
      },
    },
    ...(spec.kind === 'points' && size <= mostExact
      ? {
          logProb: {
            signature: {
              inputs: { data, ...label },
              outputs: { logProb: { dtype: 'float32', shape: [], meaning: 'logProb' } },
            },
            run: (state: NamedTensors, inputs: NamedTensors) => {
              const x = fromData(state, inputs.data!, spec);
              const density = logDensity(parts.field(state, inputs), x, parts.densitySteps);
              return { logProb: tf.add(density, scaleLogDet(state)) };
            },
          },
        }
      : {}),
  };
}

/**
 * Log-density at the end of a flow that starts from standard normal noise (Chen et al. 2018, eq. 8; Lipman et al.
 * 2023, appendix C):
 *
 *   log p_1(x_1) = log N(x_0; 0, I) - integral from 0 to 1 of div v(x_t, t) dt
 *
 * along the way back from x_1, which the same steps of the classical Runge-Kutta method follow. They are equal in s with
 * t = 1 - (1 - s)^2, and so the finer the nearer to the data, where the velocity changes fastest. The divergence is
 * exact: the diagonal of the Jacobian, a backward pass for each dimension. [batch, dimensions] to [batch], nats.
 */
export function logDensity(field: Field, x: tf.Tensor, steps: number): tf.Tensor1D {
  const dimensions = x.shape[1]!;
  /** Of the point and of minus the logarithm of the density along its way, side by side. */
  const both: Field = (y, s) => {
    const point = tf.slice(y, [0, 0], [-1, dimensions]);
    const left = tf.sub(1, s);
    const { slope, divergence } = withDivergence(field, point, tf.sub(1, tf.square(left)));
    return tf.mul(tf.mul(2, left), tf.concat([slope, divergence], 1)); // [batch, dimensions + 1]
  };
  const start = tf.pad(x as tf.Tensor2D, [
    [0, 0],
    [0, 1],
  ]);
  const end = integrated(both, start, { solver: 'rk4', steps, from: 1, to: 0 });
  const noise = tf.slice(end, [0, 0], [-1, dimensions]);
  const change = tf.squeeze(tf.slice(end, [0, dimensions], [-1, 1]), [1]); // minus the integral from 0 to 1
  return tf.add(sumExamples(standardNormalLogProb(noise)), change) as tf.Tensor1D;
}

/** The slope [batch, dimensions] and the trace of its Jacobian [batch, 1]. */
function withDivergence(
  field: Field,
  x: tf.Tensor,
  time: tf.Tensor,
): { slope: tf.Tensor; divergence: tf.Tensor } {
  const dimensions = x.shape[1]!;
  const parts = Array.from({ length: dimensions }, (_, i) => {
    const unit = tf.tensor2d(
      Array.from({ length: dimensions }, (_, j) => (i === j ? 1 : 0)),
      [1, dimensions],
    );
    // The sum over examples: each one's slope depends on its own point alone.
    const { value, grad } = tf.valueAndGrad((point: tf.Tensor) => field(point, time))(
      x,
      tf.mul(tf.onesLike(x), unit),
    );
    return { slope: value, own: tf.slice(grad, [0, i], [-1, 1]) };
  });
  const divergence = parts.map(({ own }) => own).reduce((sum, own) => tf.add(sum, own));
  return { slope: parts[0]!.slope, divergence };
}
