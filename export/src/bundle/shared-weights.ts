import { type DType, encodeSafetensors, type HostTensor, UserError } from '@generatrix/runtime';
import type { Initializer, OutsideValues } from '../onnx/proto.ts';
import type { OnnxProgram } from '../onnx/write.ts';

/** Constants of fewer bytes stay in the programs: shapes, axes, scalars, which onnxruntime looks at while it loads. */
const smallestTensor = 1024;
/**
 * A file of less is not worth a request: its tensors stay inside. What one program alone uses may be larger, as nothing
 * is saved there but the memory that it takes to read weights out of a program.
 */
const smallestFile = { shared: 2 ** 12, ofOneProgram: 2 ** 24 } as const;
/** Node reads and hashes no more than 2 GiB at once. */
const usualFile = 2 ** 30;
const largestFile = 2 ** 31 - 1;

/** Programs whose weights lie beside them. */
export interface SharedWeights {
  /** The files of weights, as safetensors, by their names. */
  readonly files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
  readonly programs: Readonly<
    Record<string, { readonly onnx: Uint8Array<ArrayBuffer>; readonly weights: readonly string[] }>
  >;
}

interface SharingOptions {
  readonly nameOf?: ((raw: Uint8Array) => string | undefined) | undefined;
  readonly fileBytes?: number;
}

/** A weight, once, whatever the number of programs that have it. */
interface Weight {
  readonly name: string;
  readonly tensor: HostTensor;
  readonly raw: Uint8Array;
  /** The constants that it stands for, by the programs that have them. */
  readonly uses: Map<string, Initializer[]>;
}

/**
 * Writes the weights of several programs once: what has the same type and the same bytes is one weight. A file holds
 * what the same programs use, so that whoever runs one program reads what it needs and nothing else; what a single
 * program uses stays inside unless it is large. The programs are ONNX files with external data, readable by other
 * runtimes where they lie.
 * @param options.nameOf the name of a weight by its bytes, where it has one; else it is called after a program that
 *   has it
 * @param options.fileBytes bytes of weights beyond which a file gets no other; 1 GiB when absent
 * @throws UserError for a single weight of 2 GiB or more.
 */
export function shareWeights(
  programs: Readonly<Record<string, OnnxProgram>>,
  { nameOf = () => undefined, fileBytes = usualFile }: SharingOptions = {},
): SharedWeights {
  const weights = distinctWeights(programs, nameOf);
  const contents = fileContents(weights, fileBytes);
  const files: Record<string, Uint8Array<ArrayBuffer>> = {};
  const places = new Map<Initializer, OutsideValues>();
  const used = new Map<string, Set<string>>();
  for (const [i, content] of contents.entries()) {
    const file = contents.length === 1 ? 'weights.safetensors' : `weights-${i + 1}.safetensors`;
    files[file] = encodeSafetensors(Object.fromEntries(content.map(({ name, tensor }) => [name, tensor])));
    const offsets = tensorOffsets(files[file]);
    for (const { name, raw, uses } of content) {
      const place = { location: file, offset: offsets.get(name)!, length: raw.length };
      for (const [program, initializers] of uses) {
        used.set(program, (used.get(program) ?? new Set()).add(file));
        for (const initializer of initializers) places.set(initializer, place);
      }
    }
  }
  return {
    files,
    programs: Object.fromEntries(
      Object.entries(programs).map(([name, program]) => [
        name,
        { onnx: program.encode(places), weights: [...(used.get(name) ?? [])] },
      ]),
    ),
  };
}

function distinctWeights(
  programs: Readonly<Record<string, OnnxProgram>>,
  nameOf: (raw: Uint8Array) => string | undefined,
): Weight[] {
  const weights: Weight[] = [];
  const bySize = new Map<string, Weight[]>();
  const names = new Set<string>();
  for (const [program, { initializers }] of Object.entries(programs)) {
    for (const initializer of initializers) {
      const { dtype, raw, turnedFrom } = initializer;
      if (raw.length < smallestTensor || !isHostType(dtype)) continue;
      const key = `${dtype} ${raw.length}`;
      const alike = bySize.get(key) ?? [];
      bySize.set(key, alike);
      let weight = alike.find((other) => Buffer.compare(other.raw, raw) === 0);
      if (weight === undefined) {
        const known = turnedFrom === undefined ? nameOf(raw) : withSuffix(nameOf(turnedFrom));
        const name = freeName(known ?? `${program}/${initializer.name}`, names);
        weight = { name, tensor: hostTensorOf(dtype, initializer), raw, uses: new Map() };
        alike.push(weight);
        weights.push(weight);
      }
      const uses = weight.uses.get(program) ?? [];
      uses.push(initializer);
      weight.uses.set(program, uses);
    }
  }
  return weights;
}

/** Which weights go into which file: those of the same programs together. */
function fileContents(weights: readonly Weight[], fileBytes: number): Weight[][] {
  const groups = new Map<string, Weight[]>();
  for (const weight of weights) {
    const users = [...weight.uses.keys()].join(' ');
    groups.set(users, [...(groups.get(users) ?? []), weight]);
  }
  return [...groups.values()].flatMap((group) => {
    const total = group.reduce((sum, { raw }) => sum + raw.length, 0);
    if (total < smallestFile[group[0]!.uses.size > 1 ? 'shared' : 'ofOneProgram']) return [];
    const files: Weight[][] = [];
    let room = 0;
    for (const weight of group) {
      if (weight.raw.length > largestFile - 2 ** 20) {
        throw new UserError(
          `weight '${weight.name}' alone has ${weight.raw.length} bytes, and onnxruntime takes 2 GiB at most: divide it in the model`,
        );
      }
      if (weight.raw.length > room) {
        files.push([]);
        room = fileBytes;
      }
      files.at(-1)!.push(weight);
      room -= weight.raw.length;
    }
    return files;
  });
}

/** Where each tensor's bytes begin in a safetensors file. */
function tensorOffsets(file: Uint8Array): Map<string, number> {
  const headerSize = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + headerSize))) as Record<
    string,
    { readonly data_offsets: readonly [number, number] }
  >;
  return new Map(
    Object.entries(header).map(([name, entry]) => [name, 8 + headerSize + entry.data_offsets[0]]),
  );
}

function isHostType(dtype: Initializer['dtype']): dtype is DType {
  return dtype === 'float32' || dtype === 'int32' || dtype === 'bool';
}

/** The initializer's own memory as a tensor. */
function hostTensorOf(dtype: DType, { shape, raw }: Initializer): HostTensor {
  const { buffer, byteOffset, length } = raw;
  switch (dtype) {
    case 'float32':
      return { dtype, shape, data: new Float32Array(buffer, byteOffset, length / 4) };
    case 'int32':
      return { dtype, shape, data: new Int32Array(buffer, byteOffset, length / 4) };
    case 'bool':
      return { dtype, shape, data: raw };
  }
}

/** The name of a weight whose axes are in another order than in the model. */
function withSuffix(name: string | undefined): string | undefined {
  return name === undefined ? undefined : `${name}/transposed`;
}

function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let i = 2; taken.has(name) || name === '__metadata__'; i++) name = `${wanted}_${i}`;
  taken.add(name);
  return name;
}
