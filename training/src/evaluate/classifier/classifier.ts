import { tf } from '@generatrix/export';
import { batchPlan, type HostTensor, hostTensor, sizeOf, stepInputs } from '@generatrix/runtime/core';
import type { Dataset } from '../../data/index.ts';
import { initialState } from '../../engine/initial-state.ts';
import { onnxEngine } from '../../engine/onnx-engine.ts';
import { toTensor } from '../../engine/tfjs-engine.ts';
import type { HostState } from '../../model/state.ts';
import type { CompiledFunctions } from '../compiled-functions.ts';
import type { Rows } from '../rows.ts';
import { type ClassifierNetwork, classifierModel } from './classifier-model.ts';

export interface ClassifierSettings {
  readonly network: ClassifierNetwork;
  readonly classes: number;
  readonly steps: number;
  readonly batchSize: number;
  /** At the first step; it falls along half a cosine to 0. */
  readonly learningRate: number;
  readonly seed: number;
}

/** What a classifier says of some examples. */
export interface Classified {
  /** [n, classes], rows that sum to 1. */
  readonly probabilities: Rows;
  /** Likeliest class of each example. */
  readonly labels: Int32Array;
  /** [n, features]: the activations before the last layer. */
  readonly features: Rows;
}

export interface Classifier {
  readonly settings: ClassifierSettings;
  readonly state: HostState;
  /** Classifies examples [n, ...shape]. */
  classify(data: HostTensor): Promise<Classified>;
}

/** Trains a classifier on labelled examples with the compiled engine. @throws when the data has no labels. */
export async function trainClassifier(
  compiled: CompiledFunctions,
  dataset: Dataset,
  settings: ClassifierSettings,
): Promise<Classifier> {
  if (dataset.labels === null)
    throw new Error(`data set ${dataset.name} has no labels to train a classifier on`);
  const { network, classes, steps, batchSize, learningRate, seed } = settings;
  const model = classifierModel(network, classes);
  const shapes = { batchSize, dataShape: network.shape };
  const trainer = await onnxEngine(compiled.executor.device).prepare(model, shapes);
  try {
    await trainer.setState(initialState(model, seed));
    const plan = batchPlan(model.batching, dataset.size, batchSize, seed);
    for (let step = 0; step < steps; step++) {
      const rate = (learningRate * (1 + Math.cos((Math.PI * step) / steps))) / 2;
      await trainer.step(await stepInputs(model, dataset, plan(step), { seed, step, learningRate: rate }));
      if (step % 20 === 0) await new Promise(setImmediate);
    }
    return classifierOf(compiled, settings, await trainer.getState());
  } finally {
    await trainer.release();
  }
}

const rowsInBlock = 500;
let made = 0;

/** A classifier with a trained state. */
export function classifierOf(
  compiled: CompiledFunctions,
  settings: ClassifierSettings,
  state: HostState,
): Classifier {
  const { network, classes } = settings;
  const { classify } = classifierModel(network, classes).programs;
  const name = `classify ${made++}`;
  return {
    settings,
    state,
    classify: async (data) => {
      const count = data.shape[0]!;
      const width = sizeOf(network.shape);
      let results: { logits: Float32Array; features: Float32Array; featureWidth: number } | null = null;
      await tf.setBackend('cpu');
      // Weights become constants of the compiled program, which onnxruntime runs faster than weights as inputs.
      const weights = Object.fromEntries(Object.entries(state).map(([key, x]) => [key, toTensor(x)]));
      for (let start = 0; start < count; start += rowsInBlock) {
        const rows = Math.min(rowsInBlock, count - start);
        const values = data.data.subarray(start * width, (start + rows) * width);
        const outputs = await compiled.run(name, (inputs) => classify!.run(weights, inputs), {
          data: hostTensor('float32', [rows, ...network.shape], values),
        });
        const featureWidth = outputs.features!.shape[1]!;
        results ??= {
          logits: new Float32Array(count * classes),
          features: new Float32Array(count * featureWidth),
          featureWidth,
        };
        results.logits.set(outputs.logits!.data, start * classes);
        results.features.set(outputs.features!.data, start * featureWidth);
      }
      tf.dispose(weights);
      if (results === null) throw new Error('classify: expected at least one example');
      const { logits, features, featureWidth } = results;
      return {
        ...softmax(logits, classes),
        features: { count, width: featureWidth, values: features },
      };
    },
  };
}

function softmax(logits: Float32Array, classes: number): Pick<Classified, 'probabilities' | 'labels'> {
  const count = logits.length / classes;
  const values = new Float32Array(logits.length);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const likeliest = row.reduce((best, value, k) => (value > row[best]! ? k : best), 0);
    const exponentials = row.map((value) => Math.exp(value - row[likeliest]!));
    const sum = exponentials.reduce((total, value) => total + value, 0);
    for (let k = 0; k < classes; k++) values[i * classes + k] = exponentials[k]! / sum;
    labels[i] = likeliest;
  }
  return { probabilities: { count, width: classes, values }, labels };
}

/** Share of labels that agree. */
export function agreement(labels: ArrayLike<number>, others: ArrayLike<number>): number {
  let same = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] === others[i]) same++;
  return same / labels.length;
}
