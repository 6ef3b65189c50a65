import {
  batchPlan,
  type Dataset,
  initialState,
  onnxEngine,
  stepInputs,
  tfjsEngine,
} from '@generatrix/training';
import { median } from './timing.ts';
import { untrainedModel } from './untrained.ts';

/** One training step, compiled and eager, on the same inputs. */
export async function benchStep(
  title: string,
  options: Record<string, unknown>,
  batchSize: number,
  dataset: Dataset,
) {
  const model = untrainedModel('vae', options, dataset.spec);
  const plan = batchPlan(model.batching, dataset.size, batchSize, 1);
  const inputs = await stepInputs(model, dataset, plan(0), { seed: 1, step: 0, learningRate: 1e-3 });
  const times: Record<string, number> = {};
  for (const engine of [onnxEngine('cpu'), tfjsEngine(() => {})]) {
    const trainer = await engine.prepare(model, { batchSize, dataShape: dataset.spec.shape });
    await trainer.setState(initialState(model, 1));
    if (engine.name === 'onnx') times.onnx = await median(() => trainer.step(inputs));
    else {
      const started = performance.now();
      await trainer.step(inputs);
      times.tfjs = performance.now() - started;
    }
    await trainer.release();
  }
  const ratio = times.tfjs! / times.onnx!;
  console.log(
    `${title}, batch ${batchSize}: compiled ${times.onnx!.toFixed(2)} ms, eager tfjs-CPU ${times.tfjs!.toFixed(0)} ms, ` +
      `${ratio.toFixed(0)} times faster`,
  );
}
