import { isSymbolic, printDim, type Shape, type SymbolicDim } from '../graph/ir.ts';
import { Constants, type NameSource } from './constants.ts';
import type { OnnxAttr, OnnxDType, OnnxEmitter } from './lowering.ts';
import { type OnnxNode, onnxDataType, rawBytes } from './proto.ts';

/** Collects the nodes of one graph. Initializers of subgraphs go to the outermost graph, where all can see them. */
export class GraphEmitter implements OnnxEmitter {
  readonly nodes: OnnxNode[] = [];
  readonly names: NameSource;
  /** Names that values take in the file, over the whole model. */
  readonly renames: Map<string, string>;
  readonly #constants: Constants;
  /** Shapes that depend on the batch size, already computed. */
  readonly #shapes = new Map<string, string>();
  readonly #batch: () => string;
  readonly #parent: GraphEmitter | null;

  /**
   * @param batch emits, once, the name of an int64 [1] tensor that holds the batch size.
   * @param parent the emitter of the surrounding graph, for the body of a loop.
   */
  constructor(names: NameSource, batch: () => string, parent: GraphEmitter | null = null) {
    this.names = names;
    this.#parent = parent;
    this.renames = parent?.renames ?? new Map();
    this.#constants = parent?.constants ?? new Constants(names);
    this.#batch = batch;
  }

  /** The constants of the whole model. */
  get constants(): Constants {
    return this.#constants;
  }

  op(type: string, inputs: readonly string[], attrs: Record<string, OnnxAttr> = {}): string {
    return this.ops(type, inputs, attrs, 1)[0]!;
  }

  ops(type: string, inputs: readonly string[], attrs: Record<string, OnnxAttr>, count: number): string[] {
    const outputs = Array.from({ length: count }, () => this.names.fresh(type));
    this.node(type, inputs, outputs, attrs);
    return outputs;
  }

  /** Emits a node whose outputs have the names given. */
  node(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attrs: Record<string, OnnxAttr>,
  ): void {
    this.#constants.use(inputs);
    this.nodes.push({ type, name: this.names.fresh(`${type}_node`), inputs, outputs, attrs });
  }

  constant(dtype: OnnxDType, shape: readonly number[], data: ArrayLike<number>): string {
    return this.#constants.add(dtype, shape, rawBytes(dtype, data));
  }

  scalar(dtype: OnnxDType, value: number): string {
    return this.constant(dtype, [], [value]);
  }

  ints(values: readonly number[]): string {
    return this.constant('int64', [values.length], values);
  }

  /** What depends on the batch size is computed in the outermost graph, once per shape: never inside a loop. */
  dims(shape: Shape): string {
    const plain = shape.filter((dim) => !isSymbolic(dim)) as number[];
    if (plain.length === shape.length) return this.ints(plain);
    if (this.#parent !== null) return this.#parent.dims(shape);
    const key = shape.map(printDim).join();
    let name = this.#shapes.get(key);
    if (name === undefined) {
      const pieces = joinPlain(shape).map((piece) =>
        Array.isArray(piece) ? this.ints(piece) : this.#affine(piece),
      );
      name = pieces.length === 1 ? pieces[0]! : this.op('Concat', pieces, { axis: 0 });
      this.#shapes.set(key, name);
    }
    return name;
  }

  #affine({ scale, offset }: SymbolicDim): string {
    const scaled = scale === 1 ? this.#batch() : this.op('Mul', [this.#batch(), this.ints([scale])]);
    return offset === 0 ? scaled : this.op('Add', [scaled, this.ints([offset])]);
  }

  reshape(x: string, shape: Shape): string {
    const symbolic = shape.filter(isSymbolic).length;
    const empty = shape.some((dim) => dim === 0);
    const constant = symbolic === 0 && this.#constants.reshaped(x, shape as number[]);
    if (constant) return constant;
    if (symbolic !== 1 || empty)
      return this.op('Reshape', [x, this.dims(shape)], { allowzero: empty ? 1 : 0 });
    return this.op('Reshape', [x, this.ints(shape.map((dim) => (isSymbolic(dim) ? -1 : dim)))]);
  }

  transpose(x: string, perm: readonly number[]): string {
    if (perm.every((axis, i) => axis === i)) return x;
    return this.#constants.transposed(x, perm) ?? this.op('Transpose', [x], { perm: [...perm] });
  }

  cast(x: string, to: OnnxDType): string {
    return this.op('Cast', [x], { to: onnxDataType(to) });
  }
}

/** The shape in pieces: each run of plain numbers as one list, each symbolic dimension by itself. */
function joinPlain(shape: Shape): (number[] | SymbolicDim)[] {
  const pieces: (number[] | SymbolicDim)[] = [];
  for (const dim of shape) {
    const last = pieces.at(-1);
    if (isSymbolic(dim)) pieces.push(dim);
    else if (Array.isArray(last)) last.push(dim);
    else pieces.push([dim]);
  }
  return pieces;
}
