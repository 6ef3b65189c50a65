import { hostTensor, type InputSpec, type OutputSpec, sizeOf, UserError } from '@generatrix/runtime';
import { canRender } from '@generatrix/runtime/media';
import { type BundleFiles, packBundle } from '../bundle/pack.ts';
import { tf } from '../tf.ts';
import { TraceError } from '../trace/errors.ts';
import type { NamedTensors } from '../trace/trace.ts';
import {
  areChannelsFirst,
  dataSpecOf,
  type FoundInput,
  type ImportPlan,
  importedPrograms,
  inputSpecs,
  type OutputChange,
  outputChange,
} from './import-plan.ts';
import {
  type ImportAbout,
  importedAbout,
  pictured,
  pictureSeed,
  type RenderSamples,
} from './imported-bundle.ts';
import { graphModelPorts, runGraphModel } from './trace-graph-model.ts';

/** A TensorFlow.js model as one function of named tensors. */
export interface TfjsModel {
  readonly inputs: readonly (FoundInput & { readonly shape: readonly (number | null)[] })[];
  readonly outputs: readonly string[];
  readonly run: (inputs: NamedTensors) => NamedTensors;
}

/** A GraphModel as a function. */
export function graphModelFunction(model: tf.GraphModel): TfjsModel {
  const names = new Set(graphModelPorts(model.inputs).map(({ plain }) => plain));
  return {
    inputs: graphModelPorts(model.inputs).map(({ plain, dtype, shape }) => ({ name: plain, dtype, shape })),
    outputs: graphModelPorts(model.outputs).map(({ plain }) => (names.has(plain) ? `${plain}_out` : plain)),
    run: (inputs) => runGraphModel(model, inputs),
  };
}

/** A LayersModel, as it predicts, as a function. */
export function layersModelFunction(model: tf.LayersModel): TfjsModel {
  const plain = (name: string) => name.replace(/[^\w-]/g, '_');
  // The layers' names: those of tensors get a number where a process builds several models.
  const inputs = model.inputs.map(({ dtype, shape }, i) => ({
    name: plain(model.inputNames[i]!),
    dtype: dtype ?? 'float32',
    shape: shape.slice(1),
  }));
  const taken = new Set(inputs.map(({ name }) => name));
  const outputs = model.outputNames.map((name, i) => (taken.has(plain(name)) ? `output_${i}` : plain(name)));
  return {
    inputs,
    outputs,
    run: (tensors) => {
      const given = inputs.map(({ name }) => tensors[name]!);
      const results = model.apply(given, { training: false }) as tf.Tensor | tf.Tensor[];
      const list = Array.isArray(results) ? results : [results];
      return Object.fromEntries(outputs.map((name, i) => [name, list[i]!]));
    },
  };
}

/**
 * A bundle of a TensorFlow.js model from elsewhere: traced for any batch size, written as ONNX and compared with
 * eager tfjs, as an export is.
 * @param where what errors call the file
 * @throws UserError, in one line, for inputs that were not declared or do not fit, and for what cannot be traced;
 *   ParityError where onnxruntime and tfjs do not agree.
 */
export async function importTfjs(
  model: TfjsModel,
  where: string,
  plan: ImportPlan,
  about: ImportAbout,
  render?: RenderSamples,
): Promise<BundleFiles> {
  const specs = inputSpecs(where, model.inputs, plan);
  const output = chosenOutput(model, where, plan.output);
  const { program } = plan;
  const meaning = importedPrograms[program];
  const feed = (inputs: NamedTensors) =>
    Object.fromEntries(
      model.inputs.map((input) => [
        input.name,
        adaptInput(where, input, specs[input.name]!, plan, inputs[input.name]!),
      ]),
    );
  try {
    const shape = tf.tidy(() => model.run(feed(zeros(specs)))[output]!.shape);
    const [batch, ...rest] = shape;
    if (batch !== 2) {
      throw new UserError(
        `${where}: for 2 examples its output '${output}' has the shape [${shape}]; expected an example each`,
      );
    }
    const change = outputChange(where, rest, plan);
    const spec: OutputSpec = { dtype: 'float32', shape: change.shape, meaning };
    const inner = Object.values(specs).find(({ role }) => role === 'data')?.shape;
    const data = dataSpecOf(where, meaning === 'data' ? change.shape : (inner ?? change.shape), plan);
    const name = model.inputs.some((input) => input.name === meaning) ? `${meaning}_2` : meaning;
    const examples = new Float32Array(2 * sizeOf(data.shape));
    return await packBundle({
      about: importedAbout(about, data),
      programs: {
        [program]: {
          signature: { inputs: specs, outputs: { [name]: spec } },
          run: (inputs) => ({ [name]: adaptOutput(model.run(feed(inputs))[output]!, change) }),
        },
      },
      formats: ['onnx'],
      examples: hostTensor('float32', [2, ...data.shape], examples),
      ...(program === 'sample' && render !== undefined && canRender(data)
        ? {
            sample: {
              seed: pictureSeed,
              count: pictured[data.kind],
              render: (samples) => render(samples, data),
            },
          }
        : {}),
    });
  } catch (error) {
    if (error instanceof TraceError) throw new UserError(`${where}: ${error.message}`);
    throw error;
  }
}

function chosenOutput({ outputs }: TfjsModel, where: string, wanted: string | undefined): string {
  const names = outputs.join(', ');
  if (wanted === undefined) {
    if (outputs.length === 1) return outputs[0]!;
    throw new UserError(`${where}: which of its outputs is the example? Name one with --output: ${names}`);
  }
  if (!outputs.includes(wanted))
    throw new UserError(`${where}: has no output '${wanted}' (it has: ${names})`);
  return wanted;
}

/** Two examples of zeros. */
function zeros(specs: Readonly<Record<string, InputSpec>>): NamedTensors {
  return Object.fromEntries(
    Object.entries(specs).map(([name, { role, dtype, shape }]) => [
      name,
      tf.zeros(role === 'scalar' ? [] : [2, ...shape], dtype),
    ]),
  );
}

/** The runtime's tensor as the model takes it. */
function adaptInput(
  where: string,
  input: TfjsModel['inputs'][number],
  spec: InputSpec,
  plan: ImportPlan,
  x: tf.Tensor,
): tf.Tensor {
  const dtype = input.dtype as tf.DataType;
  if (spec.role === 'scalar')
    return tf.cast(
      input.shape.length === 0
        ? x
        : tf.reshape(
            x,
            input.shape.map(() => 1),
          ),
      dtype,
    );
  if (spec.role === 'data' && areChannelsFirst(input.shape, plan.layout)) {
    return tf.cast(tf.transpose(x, [0, 3, 1, 2]), dtype);
  }
  if (spec.role !== 'label') return tf.cast(x, dtype);
  const [columns, ...more] = input.shape;
  if (columns === undefined) return tf.cast(x, dtype);
  if (more.length === 0 && columns === 1 && spec.classes !== 1) return tf.cast(tf.expandDims(x, 1), dtype);
  if (more.length === 0 && (columns === null || columns === spec.classes)) {
    return tf.cast(tf.oneHot(x as tf.Tensor1D, spec.classes), dtype);
  }
  throw new UserError(
    `${where}: its input '${input.name}' has the shape [batch, ${input.shape.join(', ')}], which is neither one class nor one of ${spec.classes} for each example; change --label ${input.name}=${spec.classes}`,
  );
}

function adaptOutput(y: tf.Tensor, { perm, shape }: OutputChange): tf.Tensor {
  const moved = perm === undefined ? y : tf.transpose(y, [...perm]);
  return tf.cast(tf.reshape(moved, [y.shape[0]!, ...shape]), 'float32');
}
