import { messageOf, UserError } from '@generatrix/runtime/core';
import { contents, type Field, integer, readFields, text } from './protobuf-fields.ts';

/** TensorProto.DataType of the types that can be adapted to those of programs. */
export const elementTypes: Readonly<Record<number, string>> = {
  1: 'float32',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
};

/** An input or output as an ONNX file declares it. */
export interface OnnxPort {
  readonly name: string;
  /** TensorProto.DataType; 0 for what is no tensor. */
  readonly type: number;
  /** A number, or a name (empty for none) where the size is open; null where even the rank is. */
  readonly shape: readonly (number | string)[] | null;
}

/** What an ONNX file says of itself. */
export interface OnnxFile {
  readonly model: readonly Field[];
  readonly graph: readonly Field[];
  readonly opset: number;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
}

/** The oldest operator set that onnxruntime promises to run. */
const oldestOpset = 7;
/**
 * Reads the frame of an ONNX file: which inputs and outputs it has, and whether it is whole. Its nodes are left to
 * onnxruntime.
 * @param where what errors call the file
 * @throws UserError for what is no ONNX file, an operator set too old, and weights outside the file, with the cure.
 */
export function readOnnxFile(bytes: Uint8Array, where: string): OnnxFile {
  try {
    return readModel(bytes, where);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${where}: expected an ONNX file, found something else or a part of one (${messageOf(error)})`,
    );
  }
}

function readModel(bytes: Uint8Array, where: string): OnnxFile {
  const model = readFields(bytes);
  const graphBytes = contents(model, 7).at(-1);
  const opsets = contents(model, 8).map((entry) => readFields(entry));
  const opset = opsets.filter((entry) => ['', 'ai.onnx'].includes(text(entry, 1))).at(-1);
  if (graphBytes === undefined || opset === undefined) {
    throw new UserError(`${where}: expected an ONNX file with a graph and an operator set, found none`);
  }
  const version = integer(opset, 2) ?? 0;
  if (version < oldestOpset) {
    throw new UserError(
      `${where}: operator set ${version} is older than onnxruntime runs (${oldestOpset}); convert it with ` +
        'onnx.version_converter or export the model again',
    );
  }
  const graph = readFields(graphBytes);
  const outside = externalTensor(graph);
  if (outside !== null) {
    throw new UserError(
      `${where}: its weight '${outside}' lies in another file; put the weights inside: in Python ` +
        'onnx.save_model(onnx.load(PATH), OUT, save_as_external_data=False)',
    );
  }
  const weights = new Set(contents(graph, 5).map((tensor) => text(readFields(tensor), 8)));
  const ports = (number: number) => contents(graph, number).map(readPort);
  return {
    model,
    graph,
    opset: version,
    // Files of IR version 3 list weights among the inputs.
    inputs: ports(11).filter(({ name }) => !weights.has(name)),
    outputs: ports(12),
  };
}

/** ValueInfoProto */
function readPort(bytes: Uint8Array): OnnxPort {
  const fields = readFields(bytes);
  const tensor = contents(readFields(contents(fields, 2).at(-1) ?? new Uint8Array()), 1).at(-1);
  if (tensor === undefined) return { name: text(fields, 1), type: 0, shape: null };
  const type = readFields(tensor);
  const shape = contents(type, 2).at(-1);
  return {
    name: text(fields, 1),
    type: integer(type, 1) ?? 0,
    shape:
      shape === undefined
        ? null
        : contents(readFields(shape), 1).map((dim) => {
            const entry = readFields(dim);
            // A size of 0 or less is how some exporters leave it open.
            const size = integer(entry, 1);
            return size !== undefined && size > 0 ? size : text(entry, 2);
          }),
  };
}

/** The name of a tensor whose values lie outside the file, in subgraphs too; null when there is none. */
function externalTensor(graph: readonly Field[]): string | null {
  const isOutside = (tensor: readonly Field[]) =>
    integer(tensor, 14) === 1 || contents(tensor, 13).length > 0;
  for (const tensor of contents(graph, 5).map(readFields)) {
    if (isOutside(tensor)) return text(tensor, 8);
  }
  for (const sparse of contents(graph, 15).map(readFields)) {
    for (const tensor of [...contents(sparse, 1), ...contents(sparse, 2)].map(readFields)) {
      if (isOutside(tensor)) return text(tensor, 8);
    }
  }
  for (const node of contents(graph, 1).map(readFields)) {
    for (const attribute of contents(node, 5).map(readFields)) {
      for (const tensor of [...contents(attribute, 5), ...contents(attribute, 10)].map(readFields)) {
        if (isOutside(tensor)) return text(tensor, 8) || text(attribute, 1);
      }
      for (const inner of [...contents(attribute, 6), ...contents(attribute, 11)]) {
        const found = externalTensor(readFields(inner));
        if (found !== null) return found;
      }
    }
  }
  return null;
}
