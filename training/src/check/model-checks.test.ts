import { type NamedTensors, TraceError, tf } from '@generatrix/export';
import { expect, it } from 'vitest';
import { type GradientModel, gradientModel } from '../core/gradient-model.ts';
import { settleTraining } from '../model/training-options.ts';
import { Conformance, ConformanceError } from './model-checks.ts';
import { tinyPoints } from './tiny-data.ts';

const mean = { shape: [2], initial: 0 } as const;

/** A model of one mean, fitted by least squares, with something of it changed. */
function fitted(changed: Partial<GradientModel>) {
  const model = gradientModel({
    parameters: { mean },
    loss: (state: NamedTensors, { data }: { data: tf.Tensor }) => ({
      loss: tf.mean(tf.square(tf.sub(data, tf.add(state.mean!, 5)))),
    }),
    programs: {
      sample: {
        signature: {
          inputs: { z: { dtype: 'float32', shape: [2], role: 'noise', distribution: 'normal' } },
          outputs: { data: { dtype: 'float32', shape: [2], meaning: 'data' } },
        },
        run: (state: NamedTensors, { z }: NamedTensors) => ({ data: tf.add(z!, state.mean!) }),
      },
    },
    ...changed,
  } as GradientModel);
  return model.compose(settleTraining({}, {}));
}

/** What the checks that fail say, by their titles. */
async function failures(changed: Partial<GradientModel>): Promise<string[]> {
  const conformance = new Conformance(fitted(changed), { dataset: tinyPoints(24), batchSize: 8, steps: 20 });
  await conformance.open();
  const found: string[] = [];
  try {
    for (const { run } of conformance.checks) {
      await run().catch((error: unknown) => {
        expect([ConformanceError.name, TraceError.name]).toContain((error as Error).name);
        found.push((error as Error).message);
      });
    }
  } finally {
    await conformance.release();
  }
  return found;
}

const sample = fitted({}).programs.sample!;
let calls = 0;

it('a model that holds to everything passes', async () => {
  expect(await failures({})).toEqual([]);
});

const faulty: [string, Partial<GradientModel>, RegExp][] = [
  [
    'a parameter that changes nothing',
    {
      parameters: { mean, unused: mean },
      loss: (state: NamedTensors, { data }: { data: tf.Tensor }) => ({
        loss: tf.mean(tf.square(tf.sub(data, tf.add(tf.add(state.mean!, 5), tf.mul(state.unused!, 0))))),
      }),
    } as Partial<GradientModel>,
    /^20 steps did not move unused, adam/,
  ],
  [
    'a metric that goes the other way',
    {
      metrics: { distance: { direction: 'rises' } },
      loss: (state: NamedTensors, { data }: { data: tf.Tensor }) => {
        const loss = tf.mean(tf.square(tf.sub(data, tf.add(state.mean!, 5))));
        return { loss, metrics: { distance: tf.sqrt(loss) } };
      },
    } as Partial<GradientModel>,
    /^distance rises by what the model says: it went from \d/,
  ],
  [
    'a metric that is not reported',
    { metrics: { elbo: { direction: 'rises' } } },
    /^'elbo' is in the model's metrics, but no step reports it$/,
  ],
  [
    'a signature of another shape',
    {
      programs: {
        sample: {
          ...sample,
          run: (_, { z }) => ({ data: tf.concat([z!, z!], 1) }),
        },
      },
    },
    /^sample\/data: float32 \[1,4\], the signature says float32 \[1,2\]$/,
  ],
  [
    'an output that is missing',
    { programs: { sample: { ...sample, run: (_, { z }) => ({ samples: z! }) } } },
    /sample.*data/,
  ],
  [
    'a program that is no function of its inputs',
    { programs: { sample: { ...sample, run: (_, { z }) => ({ data: tf.add(z!, ++calls) }) } } },
    /a constant of shape \[\]/,
  ],
];
it.each(faulty)('%s is told', async (_, changed, message) => {
  expect((await failures(changed)).join('\n')).toMatch(message);
});
