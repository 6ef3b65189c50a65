import type { DType } from '@generatrix/runtime/core';
import type { Graph } from './graph/ir.ts';
import { distinct, plain } from './layers-ports.ts';
import { type LayersStep, type LayersTraining, traceLayersTraining } from './layers-training.ts';
import type { tf } from './tf.ts';
import { TraceError } from './trace/errors.ts';
import { type BatchedInput, traceBatched } from './trace/symbolic.ts';
import type { NamedTensors } from './trace/trace.ts';

/**
 * Traces a Keras-style model as it predicts (dropout off, batch normalisation by its running statistics) for any
 * batch size. Its weights become constants; the model itself is left as it was and can be trained on.
 * @returns a graph with the model's own input and output names, up to characters that are not letters, digits,
 *   `_` or `-`, which become `_`.
 * @throws TraceError when an input has unknown dimensions besides the batch, or a layer uses an op without a rule.
 */
export function traceLayersModel(model: tf.LayersModel): Graph;
/**
 * Traces the training step of a Keras-style model, as `model.fit` would take it; see `traceLayersTraining`.
 */
export function traceLayersModel(model: tf.LayersModel, options: LayersTraining): LayersStep;
export function traceLayersModel(model: tf.LayersModel, options?: LayersTraining): Graph | LayersStep {
  return options === undefined ? tracePrediction(model) : traceLayersTraining(model, options);
}

function tracePrediction(model: tf.LayersModel): Graph {
  const names = model.inputs.map(({ name }) => plain(name));
  const specs = model.inputs.map(({ shape, dtype, name }, i): [string, BatchedInput] => {
    const [batch, ...rest] = shape;
    if (batch !== null || rest.some((dim) => dim === null)) {
      throw new TraceError(
        `layers model: input '${name}' must have the shape [null, ...known sizes], got [${shape.map(String)}]`,
      );
    }
    return [names[i]!, { dtype: (dtype ?? 'float32') as DType, shape: rest as number[], batched: true }];
  });
  const outputNames = distinct(
    model.outputs.map(({ name }) => plain(name)),
    names,
  );
  return traceBatched((inputs: NamedTensors) => {
    const results = model.apply(
      names.map((name) => inputs[name]!),
      { training: false },
    );
    const tensors = (Array.isArray(results) ? results : [results]) as tf.Tensor[];
    return Object.fromEntries(outputNames.map((name, i) => [name, tensors[i]!]));
  }, Object.fromEntries(specs));
}
