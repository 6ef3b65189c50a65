import { batchPlan, stepInputs } from '@generatrix/runtime/core';
import { type Dataset, initialState, onnxEngine, tfjsEngine } from '@generatrix/training';
import { median } from './timing.ts';
import { untrainedModel } from './untrained.ts';

/**
 * One training step, compiled and eager, on the same inputs. On tfjs's own CPU backend an eager step may take many
 * seconds: one is timed.
 */
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
  let eager = '';
  for (const engine of [onnxEngine('cpu'), tfjsEngine(() => {})]) {
    const trainer = await engine.prepare(model, { batchSize, dataShape: dataset.spec.shape });
    await trainer.setState(initialState(model, 1));
    if (engine.name === 'tfjs') eager = trainer.description;
    if (engine.name === 'onnx' || !eager.includes('own CPU')) {
      times[engine.name] = await median(() => trainer.step(inputs));
    } else {
      const started = performance.now();
      await trainer.step(inputs);
      times.tfjs = performance.now() - started;
    }
    await trainer.release();
  }
  const ratio = times.tfjs! / times.onnx!;
  console.log(
    `${title}, batch ${batchSize}: compiled ${times.onnx!.toFixed(2)} ms, eager (${eager}) ${times.tfjs!.toFixed(2)} ms, ` +
      `${ratio.toFixed(1)} times as long`,
  );
}
