import { isSymbolic, printDim, type Shape, type SymbolicDim } from '../graph/ir.ts';
import type { OnnxAttr, OnnxDType, OnnxEmitter } from './lowering.ts';
import { type Initializer, type OnnxNode, onnxDataType, rawBytes } from './proto.ts';

/** Names that a whole model shares: every tensor of the graph and of its subgraphs has a name of its own. */
export class NameSource {
  readonly #taken: Set<string>;
  #next = 0;

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  /** A name that nothing else has: the hint and a number. */
  fresh(hint: string): string {
    for (;;) {
      const name = `${hint}_${this.#next++}`;
      if (!this.#taken.has(name)) return name;
    }
  }
}

/** The longest constants that are compared with the ones already written; longer ones are taken to differ. */
const comparedConstant = 64;

/** Collects the nodes of one graph. Initializers of subgraphs go to the outermost graph, where all can see them. */
export class GraphEmitter implements OnnxEmitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: Initializer[];
  readonly names: NameSource;
  /** Names that values take in the file, over the whole model. */
  readonly renames: Map<string, string>;
  readonly #constants: Map<string, string>;
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
    this.initializers = parent?.initializers ?? [];
    this.#constants = parent?.constants ?? new Map();
    this.#batch = batch;
  }

  /** Names of the small initializers already written, by type, shape and content. */
  get constants(): Map<string, string> {
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
    this.nodes.push({ type, name: this.names.fresh(`${type}_node`), inputs, outputs, attrs });
  }

  constant(dtype: OnnxDType, shape: readonly number[], data: ArrayLike<number>): string {
    const raw = rawBytes(dtype, data);
    const key = data.length <= comparedConstant ? `${dtype} ${shape} ${raw.join()}` : null;
    const known = key === null ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.names.fresh('const');
    this.initializers.push({ name, dtype, shape, raw });
    if (key !== null) this.#constants.set(key, name);
    return name;
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
    if (symbolic !== 1 || empty)
      return this.op('Reshape', [x, this.dims(shape)], { allowzero: empty ? 1 : 0 });
    return this.op('Reshape', [x, this.ints(shape.map((dim) => (isSymbolic(dim) ? -1 : dim)))]);
  }

  transpose(x: string, perm: readonly number[]): string {
    return perm.every((axis, i) => axis === i) ? x : this.op('Transpose', [x], { perm: [...perm] });
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
