import { type InputSpec, UserError } from '@generatrix/runtime/core';
import { encodeNode, encodeTensor, encodeValueInfo, type OnnxNode, rawBytes } from '../onnx/proto.ts';
import { areChannelsFirst, type ImportPlan, type OutputChange } from './import-plan.ts';
import { elementTypes, type OnnxFile, type OnnxPort } from './onnx-file.ts';
import { contents, encodeField, type Field, joinBytes, readFields, text } from './protobuf-fields.ts';

/** What a file's inputs are to be, and which output becomes examples how. */
export interface Adaptation {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly output: OnnxPort;
  /** The name that the output gets. */
  readonly outputName: string;
  /** Absent while the output's shape is not known: then it is returned as it is, as float32. */
  readonly change?: OutputChange;
  /** Where the channels of images that go in stand. */
  readonly layout: ImportPlan['layout'];
}

const batch = { scale: 1, offset: 0 } as const;
const fields = { node: 1, input: 11, output: 12, valueInfo: 13, initializer: 5 } as const;

/**
 * The model with the inputs and the output that the runtime's programs have: labels as int32 class indices, noise
 * and data as float32 with the channels last and any number of examples; one output, of float32. What differs is put
 * right by nodes at both ends; weights and operators stay as they are.
 * @throws UserError when an input's type or rank does not fit what it is for.
 */
export function adaptOnnx(file: OnnxFile, where: string, adaptation: Adaptation): Uint8Array {
  const { inputs, output, outputName } = adaptation;
  const taken = namesOf(file.graph);
  const fresh = (hint: string) => {
    let name = `generatrix/${hint}`;
    for (let i = 1; taken.has(name); i++) name = `generatrix/${hint}_${i}`;
    taken.add(name);
    return name;
  };
  const before: OnnxNode[] = [];
  const after: OnnxNode[] = [];
  const constants: Uint8Array[] = [];
  const constant = (dtype: 'int64' | 'int32', shape: readonly number[], values: readonly number[]) => {
    const name = fresh('constant');
    constants.push(encodeTensor({ name, dtype, shape, raw: rawBytes(dtype, values) }).join());
    return name;
  };
  const into =
    (list: OnnxNode[]) =>
    (type: string, from: string[], attrs: OnnxNode['attrs'] = {}) => {
      const name = fresh(type);
      list.push({ type, name: fresh(`${type}_node`), inputs: from, outputs: [name], attrs });
      return name;
    };
  const renames = new Map<string, string>();
  for (const port of file.inputs) {
    const adapted = adaptInput(where, port, inputs[port.name]!, adaptation.layout, into(before), constant);
    if (adapted !== port.name) renames.set(port.name, adapted);
  }
  const op = into(after);
  let result = renames.get(output.name) ?? output.name;
  if (output.type !== 1) result = op('Cast', [result], { to: 1 });
  const { change } = adaptation;
  if (change?.perm !== undefined) result = op('Transpose', [result], { perm: change.perm });
  if (change !== undefined)
    result = op('Reshape', [result, constant('int64', [change.shape.length + 1], [-1, ...change.shape])]);
  const [name, ...others] = [outputName, ...Array.from({ length: 9 }, (_, i) => `${outputName}_${i + 2}`)];
  const free = [name!, ...others].find((candidate) => !taken.has(candidate)) ?? fresh(outputName);
  after.push({ type: 'Identity', name: fresh('result_node'), inputs: [result], outputs: [free], attrs: {} });

  const kept = file.graph.filter(
    ({ number }) => ![fields.node, fields.input, fields.output, fields.valueInfo].includes(number as 1),
  );
  const declared = new Set(file.inputs.map((port) => port.name));
  // Weights that are listed among the inputs stay there: files of IR version 3 must.
  const weights = file.graph.filter(
    (field) => field.number === fields.input && !declared.has(text(readFields(field.content!), 1)),
  );
  const nodes = contents(file.graph, fields.node).map((node) => renameUses(node, renames));
  const graph = joinBytes([
    ...before.map((node) => encodeField(fields.node, encodeNode(node))),
    ...nodes.map((node) => encodeField(fields.node, node)),
    ...after.map((node) => encodeField(fields.node, encodeNode(node))),
    ...kept.map(({ raw }) => raw),
    ...constants.map((tensor) => encodeField(fields.initializer, tensor)),
    ...file.inputs.map((port) => encodeField(fields.input, inputInfo(port.name, inputs[port.name]!))),
    ...weights.map(({ raw }) => raw),
    encodeField(fields.output, outputInfo(free, change)),
  ]);
  return joinBytes(file.model.map((field) => (field.number === 7 ? encodeField(7, graph) : field.raw)));
}

function inputInfo(name: string, { role, dtype, shape }: InputSpec): Uint8Array {
  return encodeValueInfo(name, dtype, role === 'scalar' ? [] : [batch, ...shape]);
}

function outputInfo(name: string, change: OutputChange | undefined): Uint8Array {
  if (change !== undefined) return encodeValueInfo(name, 'float32', [batch, ...change.shape]);
  // Without a shape: TypeProto with the element type alone.
  const type = encodeField(2, encodeField(1, Uint8Array.of(8, 1)));
  return joinBytes([encodeField(1, name), type]);
}

type Op = (type: string, from: string[], attrs?: OnnxNode['attrs']) => string;
type Constant = (dtype: 'int64' | 'int32', shape: readonly number[], values: readonly number[]) => string;

/** @returns the name of what the model's nodes are to read in place of the input */
function adaptInput(
  where: string,
  port: OnnxPort,
  spec: InputSpec,
  layout: ImportPlan['layout'],
  op: Op,
  constant: Constant,
): string {
  const { name, type } = port;
  const what = `${where}: its input '${name}'`;
  if (elementTypes[type] === undefined) {
    throw new UserError(
      `${what} is of a type that cannot be filled (TensorProto type ${type}); expected one of ${Object.values(elementTypes).join(', ')}`,
    );
  }
  const cast = (x: string, from: number) => (from === type ? x : op('Cast', [x], { to: type }));
  if (spec.role === 'label') {
    const own = port.shape?.slice(1) ?? [];
    if (own.length === 0) return cast(name, 6);
    if (own.length === 1 && own[0] === 1 && spec.classes !== 1) {
      return cast(op('Reshape', [name, constant('int64', [2], [-1, 1])]), 6);
    }
    if (own.length === 1 && (typeof own[0] !== 'number' || own[0] === spec.classes)) {
      const classes = constant(
        'int32',
        [1, spec.classes],
        Array.from({ length: spec.classes }, (_, i) => i),
      );
      const column = op('Reshape', [name, constant('int64', [2], [-1, 1])]);
      return cast(op('Equal', [column, classes]), 9);
    }
    throw new UserError(
      `${what} has the shape [batch, ${own.join(', ')}], which is neither one class nor one of ${spec.classes} for each example; change --label ${name}=${spec.classes}`,
    );
  }
  if (type === 9 || type === 6 || type === 7) {
    if (spec.role === 'noise') {
      throw new UserError(`${what} is of type ${elementTypes[type]}, which holds no noise; is it a label?`);
    }
  }
  if (spec.role === 'scalar') {
    const rank = port.shape?.length ?? 0;
    if (rank > 1 || (rank === 1 && port.shape?.[0] !== 1)) {
      throw new UserError(
        `${what} has the shape [${port.shape?.join(', ')}], a scalar has none; declare it as something else`,
      );
    }
    const value = cast(name, 1);
    return rank === 1 ? op('Reshape', [value, constant('int64', [1], [1])]) : value;
  }
  const first = spec.role === 'data' && areChannelsFirst(port.shape?.slice(1) ?? [], layout);
  return cast(first ? op('Transpose', [name], { perm: [0, 3, 1, 2] }) : name, 1);
}

/** Every name of a tensor in a graph and its subgraphs. */
function namesOf(graph: readonly Field[], into: Set<string> = new Set()): Set<string> {
  for (const info of [...contents(graph, 11), ...contents(graph, 12)]) into.add(text(readFields(info), 1));
  for (const tensor of contents(graph, 5)) into.add(text(readFields(tensor), 8));
  for (const node of contents(graph, 1).map(readFields)) {
    for (const name of [...contents(node, 1), ...contents(node, 2)]) into.add(new TextDecoder().decode(name));
    for (const attribute of contents(node, 5).map(readFields)) {
      for (const inner of [...contents(attribute, 6), ...contents(attribute, 11)])
        namesOf(readFields(inner), into);
    }
  }
  return into;
}

/** A NodeProto that reads other tensors, in its subgraphs too, where no name hides one of the surroundings. */
function renameUses(node: Uint8Array, renames: ReadonlyMap<string, string>): Uint8Array {
  if (renames.size === 0) return node;
  return joinBytes(
    readFields(node).map((field) => {
      if (field.number === 1) {
        const to = renames.get(new TextDecoder().decode(field.content));
        return to === undefined ? field.raw : encodeField(1, to);
      }
      return field.number === 5 ? encodeField(5, renameInAttribute(field.content!, renames)) : field.raw;
    }),
  );
}

function renameInAttribute(attribute: Uint8Array, renames: ReadonlyMap<string, string>): Uint8Array {
  const inGraph = (graph: Uint8Array) =>
    joinBytes(
      readFields(graph).map((field) =>
        field.number === 1 ? encodeField(1, renameUses(field.content!, renames)) : field.raw,
      ),
    );
  return joinBytes(
    readFields(attribute).map((field) =>
      field.number === 6 || field.number === 11
        ? encodeField(field.number, inGraph(field.content!))
        : field.raw,
    ),
  );
}
