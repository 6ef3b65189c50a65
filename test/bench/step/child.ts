import { createInterface } from 'node:readline';
import {
  batchPlan,
  createExecutor,
  type DataSpec,
  hostTensor,
  stackedFeeds,
  stepFeeds,
  stepInputs,
  TrainingState,
} from '@generatrix/runtime';
import { type Dataset, initialState, loadDataset, writeStep, writeSteps } from '@generatrix/training';
import { untrainedModel } from '../untrained.ts';
import { type Answer, models, turn } from './models.ts';

/**
 * One model trained in one manner, in a process of its own, so that no other manner's memory is collected at its cost:
 * `node child.js MODEL single|block THREADS`. Each line on its input asks for a turn of steps.
 */
const [name, manner, threads] = process.argv.slice(2) as [string, string, string];
const { family, options, batchSize, data } = models[name]!;
const dataset =
  typeof data === 'number'
    ? tones(data)
    : await loadDataset({ name: data, split: 'train', seed: 1, size: 500 });
const model = untrainedModel(family, options, dataset.spec);
const { shape } = dataset.spec;
const write = manner === 'block' ? writeSteps : writeStep;
const onnx = write(model, batchSize, shape, 'cpu');
const program = await (await createExecutor('cpu')).load(name, onnx, { threads: Number(threads) });
const start = initialState(model, 1);
const state = new TrainingState();
state.set((await model.initialise?.(start, dataset, 1)) ?? start);
const plan = batchPlan(model.batching, dataset.size, batchSize, 1);
const inputs = await Promise.all(
  Array.from({ length: turn }, (_, step) =>
    stepInputs(model, dataset, plan(step), { seed: 1, step, learningRate: 1e-4 }),
  ),
);

/** Clips of a tone each, of another pitch from clip to clip. */
function tones(samples: number): Dataset {
  const spec: DataSpec = { kind: 'audio', shape: [samples], sampleRate: 8000, range: [-1, 1] };
  const count = 64;
  const data = Float32Array.from({ length: count * samples }, (_, i) =>
    Math.sin((i % samples) * 0.05 * (1 + Math.floor(i / samples) / count)),
  );
  return {
    ...{ name: 'tones', split: 'train', spec, size: count, labels: null, classNames: [] },
    gather: async (indices) => {
      const clips = Array.from(indices, (i) => data.subarray(i * samples, (i + 1) * samples));
      const values = new Float32Array(clips.length * samples);
      for (const [i, clip] of clips.entries()) values.set(clip, i * samples);
      return hostTensor('float32', [clips.length, samples], values);
    },
  };
}

async function takeTurn(): Promise<Answer> {
  const [processor, wall] = [process.cpuUsage(), performance.now()];
  if (manner === 'block') await state.advance(program, stackedFeeds(inputs), turn);
  else for (const each of inputs) await state.advance(program, stepFeeds(each));
  const { user, system } = process.cpuUsage(processor);
  return {
    processor: (user + system) / 1000 / turn,
    wall: (performance.now() - wall) / turn,
    peak: process.resourceUsage().maxRSS / 1024,
  };
}

const answer = async () => console.log(JSON.stringify(await takeTurn()));
await answer();
for await (const _ of createInterface({ input: process.stdin })) await answer();
