/**
 * Writes small ONNX programs byte by byte: those the runtime itself needs (a probe of a device, a copy from it),
 * and those of its tests. Field numbers are those of onnx.proto; every field here is a varint or length-delimited.
 */
type ElementType = 'float32' | 'int32' | 'int64' | 'bool';
type Bytes = Uint8Array<ArrayBuffer>;

/** TensorProto.DataType */
const elementCodes: Readonly<Record<ElementType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9 };

export interface TinyProgram {
  /** Operator, inputs, outputs, and attributes: integers, and the bodies of loops and branches. */
  readonly nodes: readonly (readonly [
    string,
    readonly string[],
    readonly string[],
    Record<string, number | TinyProgram>?,
  ])[];
  /** Named constants; int64 values must be exact as numbers. */
  readonly constants?: Readonly<Record<string, readonly [ElementType, readonly number[], readonly number[]]>>;
  /** Constants whose values lie in another file, as little-endian bytes from an offset on. */
  readonly outside?: Readonly<Record<string, OutsideConstant>>;
  /** A dimension is a number or a symbol; a null shape leaves even the rank open. */
  readonly inputs: Readonly<Record<string, TinyPort>>;
  readonly outputs: Readonly<Record<string, TinyPort>>;
}
interface OutsideConstant {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly location: string;
  readonly offset: number;
}
type TinyPort = readonly [ElementType, readonly (number | string)[] | null];

/** Encodes a ModelProto of IR version 8, opset 17. */
export function encodeTinyOnnx(program: TinyProgram): Bytes {
  return join([integer(1, 8), message(8, text(1, ''), integer(2, 17)), message(7, ...graphFields(program))]);
}

function graphFields({ nodes, constants = {}, outside = {}, inputs, outputs }: TinyProgram): Bytes[] {
  return [
    ...nodes.map(([operator, from, to, attributes = {}]) =>
      message(
        1,
        ...from.map((name) => text(1, name)),
        ...to.map((name) => text(2, name)),
        text(4, operator),
        ...Object.entries(attributes).map(([name, value]) =>
          typeof value === 'number'
            ? message(5, text(1, name), integer(3, value), integer(20, 2))
            : message(5, text(1, name), message(6, ...graphFields(value)), integer(20, 5)),
        ),
      ),
    ),
    text(2, 'tiny'),
    ...Object.entries(constants).map(([name, [type, shape, values]]) =>
      message(
        5,
        ...shape.map((dim) => integer(1, dim)),
        integer(2, elementCodes[type]),
        text(8, name),
        message(9, raw(type, values)),
      ),
    ),
    ...Object.entries(outside).map(([name, { type, shape, location, offset }]) =>
      message(
        5,
        ...shape.map((dim) => integer(1, dim)),
        integer(2, elementCodes[type]),
        text(8, name),
        message(13, text(1, 'location'), text(2, location)),
        message(13, text(1, 'offset'), text(2, String(offset))),
        integer(14, 1),
      ),
    ),
    ...Object.entries(inputs).map((entry) => port(11, ...entry)),
    ...Object.entries(outputs).map((entry) => port(12, ...entry)),
  ];
}

function port(field: number, name: string, [type, shape]: TinyPort): Bytes {
  const dims = shape?.map((dim) => message(1, typeof dim === 'string' ? text(2, dim) : integer(1, dim)));
  const tensor = [integer(1, elementCodes[type]), ...(dims ? [message(2, ...dims)] : [])];
  return message(field, text(1, name), message(2, message(1, ...tensor)));
}

function raw(type: ElementType, values: readonly number[]): Bytes {
  const typed = {
    float32: () => Float32Array.from(values),
    int32: () => Int32Array.from(values),
    int64: () => BigInt64Array.from(values, (value) => BigInt(value)),
    bool: () => Uint8Array.from(values),
  }[type]();
  return new Uint8Array(typed.buffer);
}

function message(field: number, ...parts: Bytes[]): Bytes {
  const body = join(parts);
  return join([varint(field * 8 + 2), varint(body.length), body]);
}

function text(field: number, value: string): Bytes {
  return message(field, new TextEncoder().encode(value) as Bytes);
}

function integer(field: number, value: number): Bytes {
  return join([varint(field * 8), varint(value)]);
}

function varint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.from([...bytes, rest]);
}

function join(parts: readonly Bytes[]): Bytes {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
