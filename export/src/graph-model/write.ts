import type { Graph, Port } from '../graph/ir.ts';
import { Emitter, type Weight } from './emitter.ts';
import { lowerGraph } from './lower-graph.ts';
import { dataType, type NodeDef, tensorShape } from './node-def.ts';

/** Thrown when a graph cannot be written as a GraphModel; `problems` has one line per reason. */
export class GraphModelError extends Error {
  override readonly name = 'GraphModelError';
  readonly problems: readonly string[];

  constructor(model: string, problems: readonly string[]) {
    const more = problems.length > 3 ? ` (and ${problems.length - 3} more)` : '';
    super(`cannot write '${model}' as a GraphModel: ${problems.slice(0, 3).join('; ')}${more}`);
    this.problems = problems;
  }
}

export interface GraphModelOptions {
  /** The model's name: in error messages and in the model's metadata. */
  readonly name: string;
}

interface TensorInfo {
  readonly name: string;
  readonly dtype: string;
  readonly tensorShape: object;
}

/** The contents of model.json. */
export interface GraphModelJson {
  readonly format: 'graph-model';
  readonly generatedBy: string;
  readonly convertedBy: null;
  readonly signature: {
    readonly inputs: Record<string, TensorInfo>;
    readonly outputs: Record<string, TensorInfo>;
  };
  readonly userDefinedMetadata: { readonly name: string; readonly structuredOutputKeys: string[] };
  readonly modelTopology: {
    readonly node: readonly NodeDef[];
    readonly library: object;
    readonly versions: { readonly producer: number; readonly minConsumer: number };
  };
  readonly weightsManifest: readonly {
    readonly paths: readonly string[];
    readonly weights: readonly { name: string; shape: readonly number[]; dtype: string }[];
  }[];
}

/**
 * Writes a graph in the format that `tf.loadGraphModel` of `@tensorflow/tfjs-converter` reads. Inputs and outputs
 * go by the graph's own names, whatever characters they hold: `model.execute({'enc/x': x}, ['z'])`, or
 * `model.predict({'enc/x': x})`, which returns all outputs by name. Sizes that depend on the batch size are computed
 * when the model runs. Scans are unrolled, to at most `maximumNodes` nodes. The ops carry the attributes that tfjs
 * reads, not all that TensorFlow itself would ask for.
 * @returns the contents of model.json, and of the weights file that it names (`weights.bin`).
 * @throws GraphModelError when a node has no counterpart or there would be too many nodes.
 */
export function writeGraphModel(
  graph: Graph,
  { name }: GraphModelOptions,
): { modelJson: GraphModelJson; weights: Uint8Array } {
  const emitter = new Emitter();
  const { ports, problems } = lowerGraph(graph, emitter);
  if (problems.length > 0) throw new GraphModelError(name, problems);
  const outputs = signature(graph.outputs, ports.outputs);
  const modelJson: GraphModelJson = {
    format: 'graph-model',
    generatedBy: 'generatrix',
    convertedBy: null,
    signature: { inputs: signature(graph.inputs, ports.inputs), outputs },
    // In the signature's own order, which for names such as '0' is not the graph's.
    userDefinedMetadata: { name, structuredOutputKeys: Object.keys(outputs) },
    modelTopology: { node: emitter.nodes, library: {}, versions: { producer: 1, minConsumer: 0 } },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: emitter.weights.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
      },
    ],
  };
  return { modelJson, weights: weightBytes(emitter.weights) };
}

/**
 * As `writeGraphModel`, as the contents of files to lie in one folder.
 * @throws GraphModelError as `writeGraphModel` does.
 */
export function graphModelFiles(
  graph: Graph,
  options: GraphModelOptions,
): { 'model.json': Uint8Array; 'weights.bin': Uint8Array } {
  const { modelJson, weights } = writeGraphModel(graph, options);
  return { 'model.json': new TextEncoder().encode(JSON.stringify(modelJson)), 'weights.bin': weights };
}

/** Why a graph cannot be written as a GraphModel, one line per reason; empty when it can. */
export function unsupportedInGraphModel(graph: Graph): string[] {
  return lowerGraph(graph, new Emitter()).problems;
}

function signature(ports: readonly Port[], nodes: readonly string[]): Record<string, TensorInfo> {
  return Object.fromEntries(
    ports.map(({ name, value: { dtype, shape } }, i) => [
      name,
      { name: `${nodes[i]}:0`, dtype: dataType(dtype), tensorShape: tensorShape(shape) },
    ]),
  );
}

/** The weights one after the other, in the order of the manifest; numbers are little-endian as typed arrays are. */
function weightBytes(weights: readonly Weight[]): Uint8Array {
  const bytes = new Uint8Array(weights.reduce((size, { data }) => size + data.byteLength, 0));
  let offset = 0;
  for (const { data } of weights) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}
