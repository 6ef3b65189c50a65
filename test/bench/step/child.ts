import { createInterface } from 'node:readline';
import { writeOnnx } from '@generatrix/export';
import {
  batchPlan,
  createExecutor,
  type LoadedProgram,
  stackedFeeds,
  stepFeeds,
  stepInputs,
  TrainingState,
} from '@generatrix/runtime';
import { initialState, loadDataset, traceStep, writeSteps } from '@generatrix/training';
import { untrainedModel } from '../untrained.ts';
import { type Answer, models, turn } from './models.ts';

/**
 * One model trained in one manner, in a process of its own, so that no other manner's memory is collected at its cost:
 * `node child.js MODEL copied|swapped|block THREADS`. Each line on its input asks for a turn of steps.
 */
const [name, manner, threads] = process.argv.slice(2) as [string, string, string];
const { family, options, batchSize, data } = models[name]!;
const dataset = await loadDataset({ name: data, split: 'train', seed: 1, size: 500 });
const model = untrainedModel(family, options, dataset.spec);
const { shape } = dataset.spec;
const onnx =
  manner === 'block'
    ? writeSteps(model, batchSize, shape, 'cpu')
    : writeOnnx(traceStep(model, batchSize, shape), { name });
const loaded = await (await createExecutor('cpu')).load(name, onnx, { threads: Number(threads) });
const program: LoadedProgram =
  manner === 'copied'
    ? { ...loaded, run: (inputs) => loaded.run(inputs), release: () => loaded.release() }
    : loaded;
const start = initialState(model, 1);
const state = new TrainingState();
state.set((await model.initialise?.(start, dataset, 1)) ?? start);
const plan = batchPlan(model.batching, dataset.size, batchSize, 1);
const inputs = await Promise.all(
  Array.from({ length: turn }, (_, step) =>
    stepInputs(model, dataset, plan(step), { seed: 1, step, learningRate: 1e-4 }),
  ),
);

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
