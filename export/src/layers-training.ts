import { type DType, type HostTensor, hostTensor, type NoiseSpec, portNames } from '@generatrix/runtime/core';
import type { Graph } from './graph/ir.ts';
import { freshOptimizer, type Slot, slotsOf } from './layers-optimizer.ts';
import { distinct, plain } from './layers-ports.ts';
import { tf } from './tf.ts';
import { currentRecorder } from './trace/backend.ts';
import { type Draw, withDraws } from './trace/draws.ts';
import { TraceError } from './trace/errors.ts';
import { type NamedTensors, record, type TraceInput, trace } from './trace/trace.ts';
import { traceVariable } from './trace/variables.ts';

/** A model's tensors in one step, in the order of `model.inputs` and `model.outputs`. */
export interface LayersTensors {
  readonly inputs: readonly tf.Tensor[];
  readonly outputs: readonly tf.Tensor[];
}

export interface LayersTraining {
  readonly training: true;
  /** Examples of a step: its shapes are fixed. */
  readonly batchSize: number;
  /** As in `model.compile`; without it, what the model was compiled with. */
  readonly loss?: tf.ModelCompileArgs['loss'];
  /** In place of `loss`: the loss from all the model's tensors, without targets, such as a variational bound. */
  readonly objective?: (tensors: LayersTensors) => tf.Scalar;
  /** As in `model.compile`; without it, the one that the model was compiled with. Its settings stay as they are now. */
  readonly optimizer?: string | tf.Optimizer;
}

/** A compiled training step. */
export interface LayersStep {
  /**
   * Inputs: `state/NAME`, `noise/NAME` [batch, ...], the model's inputs by their names, and `target/OUTPUT` for each
   * output where a loss compares; outputs: `next/NAME`, `metric/loss`, and `metric/OUTPUT_loss` where there are
   * several losses.
   */
  readonly graph: Graph;
  /** Weights by their names, the moving statistics among them, and the optimizer's variables `optimizer/NAME`, as now. */
  readonly state: Readonly<Record<string, HostTensor>>;
  /** What dropout and other random layers take, by the order in which they run; shapes are per example. */
  readonly noise: Readonly<Record<string, NoiseSpec>>;
  /** Puts the weights of a trained state into the model; the optimizer's variables are passed over. */
  assign(state: Readonly<Record<string, HostTensor>>): void;
}

type Weight = tf.LayersModel['weights'][number];

/** The model as `compile` leaves it, which keeps the losses by output. */
interface Compiled extends tf.LayersModel {
  readonly lossFunctions: LossFunction[];
}
type LossFunction = (target: tf.Tensor, prediction: tf.Tensor) => tf.Tensor;

/**
 * Traces the training step of a Keras-style model, as `model.fit` takes it on one batch: forward in training mode, loss
 * with penalties, gradients, and the optimizer, any of tfjs's. Batch normalisation's moving statistics are part of
 * the state. Every tf.randomNormal and tf.randomUniform in the layers, such as dropout's, becomes an input of noise.
 * The weights trained are those trainable now. The model and its optimizer are left as they are.
 * @throws TraceError when a shape is unknown besides the batch, when there is no loss or optimizer, for stateful
 *   layers, random numbers from seeds that are set, and ops without a rule.
 */
export function traceLayersTraining(model: tf.LayersModel, options: LayersTraining): LayersStep {
  const { batchSize, objective } = options;
  const compiled = compile(model, options);
  refuseStateful(compiled);
  const trained = compiled.trainableWeights;
  const variables = trained.map((weight) => weight.read() as tf.Variable);
  const optimizer = freshOptimizer(compiled.optimizer, variables);
  try {
    const names = trained.map(({ name }) => name);
    const current = new Map(slotsOf(compiled.optimizer, names).map((slot) => [slot.name, slot.variable]));
    const parts: StepParts = {
      model: compiled,
      optimizer,
      trained,
      slots: slotsOf(optimizer, names),
      inputNames: distinct(
        compiled.inputs.map(({ name }) => plain(name)),
        [],
      ),
      outputNames: distinct(
        compiled.outputs.map(({ name }) => plain(name)),
        [],
      ),
      objective,
    };
    const state = Object.fromEntries([
      ...compiled.weights.map((weight) => [weight.name, hostOf(weight.read())]),
      ...parts.slots.map(({ name, variable }) => [slotName(name), hostOf(current.get(name) ?? variable)]),
    ]) as Record<string, HostTensor>;
    const inputs = stepInputs(parts, state, batchSize);
    const step = trainingStep(parts);
    const draws: Draw[] = [];
    withDraws(
      (draw) => {
        draws.push(draw);
        return null;
      },
      () => record(step, inputs),
    );
    const noise = Object.fromEntries(draws.map((draw, i) => [String(i), noiseSpec(draw, batchSize)]));
    for (const [i, { shape }] of draws.entries())
      inputs[portNames.noise(String(i))] = { dtype: 'float32', shape };
    const graph = trace((tensors) => {
      let next = 0;
      return withDraws(
        () => tensors[portNames.noise(String(next++))]!,
        () => step(tensors),
      );
    }, inputs);
    return { graph, state, noise, assign: (trained) => assign(compiled.weights, trained) };
  } finally {
    optimizer.dispose();
    if (typeof options.optimizer === 'string') compiled.optimizer.dispose();
  }
}

interface StepParts {
  readonly model: Compiled;
  readonly optimizer: tf.Optimizer;
  readonly trained: readonly Weight[];
  readonly slots: readonly Slot[];
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly objective: LayersTraining['objective'];
}

/** A model of the same layers that is compiled as asked: compiling the caller's would change it. */
function compile(model: tf.LayersModel, { loss, objective, optimizer }: LayersTraining): Compiled {
  const chosen = optimizer ?? (model.optimizer as tf.Optimizer | undefined);
  if (chosen == null)
    throw new TraceError('layers model: state the optimizer, or compile the model with one');
  // With an objective of its own the model compares with no targets; tfjs wants a loss all the same.
  const compared = objective === undefined ? (loss ?? model.loss) : 'meanSquaredError';
  if (compared == null) throw new TraceError('layers model: state the loss, or compile the model with one');
  const compiled = tf.model({ inputs: model.inputs, outputs: model.outputs });
  compiled.compile({ optimizer: chosen, loss: compared as tf.ModelCompileArgs['loss'] });
  return compiled as Compiled;
}

/** The loss that takes classes by their numbers: tfjs finds it by name, but does not export it. */
function sparseLoss({ inputs, outputs }: tf.LayersModel): LossFunction {
  const model = tf.model({ inputs, outputs: outputs[0]! }) as Compiled;
  model.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' });
  model.optimizer.dispose();
  return model.lossFunctions[0]!;
}

function refuseStateful({ layers }: tf.LayersModel): void {
  const stateful = layers.find((layer) => layer.stateful);
  if (stateful === undefined) return;
  throw new TraceError(
    `layers model: layer '${stateful.name}' is stateful: its state from batch to batch is not part of a step; make ` +
      'it with stateful: false',
  );
}

const slotName = (name: string) => `optimizer/${name}`;
const targetName = (output: string) => `target/${output}`;

function stepInputs(
  { model, inputNames, outputNames, objective }: StepParts,
  state: Readonly<Record<string, HostTensor>>,
  batchSize: number,
): Record<string, TraceInput> {
  const sized = ({ shape, name }: tf.SymbolicTensor): number[] => {
    const [, ...rest] = shape;
    const known = rest.filter((dim) => dim !== null);
    if (known.length < rest.length) {
      throw new TraceError(
        `layers model: '${name}' must have the shape [null, ...known sizes], got [${shape.map(String)}]`,
      );
    }
    return [batchSize, ...known];
  };
  const inputs: Record<string, TraceInput> = {};
  for (const [name, { dtype, shape }] of Object.entries(state))
    inputs[portNames.state(name)] = { dtype, shape };
  for (const [i, input] of model.inputs.entries()) {
    inputs[inputNames[i]!] = { dtype: (input.dtype ?? 'float32') as DType, shape: sized(input) };
  }
  if (objective !== undefined) return inputs;
  const sparse = sparseLoss(model);
  for (const [i, output] of model.outputs.entries()) {
    const shape = sized(output);
    // As in model.fit: classes by their numbers, one for each example, where the others compare tensors of one shape.
    const target = model.lossFunctions[i] === sparse ? [...shape.slice(0, -1), 1] : shape;
    inputs[targetName(outputNames[i]!)] = { dtype: 'float32', shape: target };
  }
  return inputs;
}

/** The step on named tensors: with variables of the trace in place of the model's and the optimizer's. */
function trainingStep(parts: StepParts): (tensors: NamedTensors) => NamedTensors {
  const { model, optimizer, trained, slots } = parts;
  return (tensors) => {
    const made: tf.Variable[] = [];
    const variable = (name: string, trainable: boolean) => {
      const symbolic = traceVariable(tensors[portNames.state(name)]!, trainable, `training-step/${name}`);
      made.push(symbolic);
      return symbolic;
    };
    const original = slots.map((slot) => slot.variable);
    try {
      const weights = new Map(model.weights.map((weight) => [weight, variable(weight.name, true)]));
      for (const [weight, symbolic] of weights) substitute(weight, symbolic);
      const own = slots.map(({ name }) => variable(slotName(name), false));
      for (const [i, slot] of slots.entries()) slot.replace(own[i]!);
      const metrics: NamedTensors = {};
      const list = trained.map((weight) => weights.get(weight)!);
      const { value, grads } = tf.variableGrads(() => totalLoss(parts, tensors, metrics), list);
      // A weight that the loss does not depend on stays: its running means of gradients are zero.
      optimizer.applyGradients(list.map((w) => ({ name: w.name, tensor: grads[w.name] ?? tf.zerosLike(w) })));
      const after = [
        ...[...weights].map(([weight, symbolic]) => [weight.name, symbolic] as const),
        ...slots.map((slot, i) => [slotName(slot.name), own[i]!] as const),
      ];
      return {
        ...Object.fromEntries(after.map(([name, symbolic]) => [portNames.next(name), tf.clone(symbolic)])),
        [portNames.metric('loss')]: value,
        ...metrics,
      };
    } finally {
      for (const weight of model.weights) restore(weight);
      for (const [i, slot] of slots.entries()) slot.replace(original[i]!);
      for (const symbolic of made) symbolic.dispose();
    }
  };
}

/** What `model.fit` minimises: the mean of the losses' sum, and the penalties on weights. */
function totalLoss(parts: StepParts, tensors: NamedTensors, metrics: NamedTensors): tf.Scalar {
  const { model, inputNames, outputNames, objective } = parts;
  const inputs = inputNames.map((name) => tensors[name]!);
  const outputs = [model.apply(inputs, { training: true }) as tf.Tensor | tf.Tensor[]].flat();
  const penalties = () => model.calculateLosses();
  if (objective !== undefined) return sum([objective({ inputs, outputs }), ...penalties()]);
  const losses = outputs.map((output, i) =>
    model.lossFunctions[i]!(tensors[targetName(outputNames[i]!)]!, output),
  );
  if (losses.length > 1) {
    for (const [i, loss] of losses.entries()) {
      const mean = tf.mean(loss);
      // The tidy of the gradient would end it.
      currentRecorder()?.keep(mean);
      metrics[portNames.metric(`${outputNames[i]}_loss`)] = mean;
    }
  }
  return sum([tf.mean(losses.reduce((total, loss) => tf.add(total, loss))), ...penalties()]);
}

function sum(scalars: readonly tf.Tensor[]): tf.Scalar {
  return scalars.reduce((total, scalar) => tf.add(total, scalar)) as tf.Scalar;
}

/** Lets layers read and write a variable of the trace in place of a weight. */
function substitute(weight: Weight, symbolic: tf.Variable): void {
  Object.assign(weight, {
    read: () => symbolic,
    write: (value: tf.Tensor) => {
      symbolic.assign(value);
      return weight;
    },
  });
}

function restore(weight: Weight): void {
  Reflect.deleteProperty(weight, 'read');
  Reflect.deleteProperty(weight, 'write');
}

function noiseSpec({ distribution, shape }: Draw, batchSize: number): NoiseSpec {
  if (shape[0] !== batchSize) {
    throw new TraceError(
      `layers model: random numbers of shape [${shape}] in a training step: the first dimension must be the batch ` +
        `(${batchSize}), so that each example has its own`,
    );
  }
  return { distribution, shape: shape.slice(1) };
}

function hostOf(tensor: tf.Tensor): HostTensor {
  return hostTensor(tensor.dtype as 'float32', tensor.shape, tensor.dataSync<'float32'>().slice());
}

function assign(weights: readonly Weight[], state: Readonly<Record<string, HostTensor>>): void {
  for (const weight of weights) {
    const value = state[weight.name];
    if (value === undefined) throw new TraceError(`layers model: the state has no weight '${weight.name}'`);
    tf.tidy(() => {
      weight.write(tf.tensor(value.data as Float32Array, [...value.shape], value.dtype as 'float32'));
    });
  }
}
