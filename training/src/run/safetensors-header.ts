import { type DType, sizeOf, UserError } from '@generatrix/runtime/core';
import { z } from 'zod';

/** The published bound on the header's length. */
export const maximumHeaderBytes = 100_000_000;

/** Where a tensor's bytes lie in the data section. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const typeOfName: Readonly<Record<string, DType>> = { F32: 'float32', I32: 'int32', BOOL: 'bool' };
const bytesPerElement: Readonly<Record<DType, number>> = { float32: 4, int32: 4, bool: 1 };

const wholeNumber = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(wholeNumber),
  data_offsets: z.tuple([wholeNumber, wholeNumber]),
});
const metadataSchema = z.record(z.string(), z.string());

/**
 * Checks a parsed header against the data section that follows it.
 * @param dataBytes length of the data section
 * @returns the entries in the order of their bytes
 * @throws UserError naming the file and the tensor; see `decodeSafetensors`.
 */
export function checkHeader(
  header: unknown,
  dataBytes: number,
  where: string,
): { entries: TensorEntry[]; metadata: Record<string, string> } {
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new UserError(`${where}: expected the safetensors header to be a JSON object; the file is damaged`);
  }
  const { __metadata__: metadata = {}, ...tensors } = header as Record<string, unknown>;
  const strings = metadataSchema.safeParse(metadata);
  if (!strings.success) {
    throw new UserError(`${where}: expected __metadata__ to hold strings only; the file is damaged`);
  }
  const entries = Object.entries(tensors).map(([name, value]) => checkEntry(name, value, dataBytes, where));
  // Equal beginnings are fine for empty tensors alone, which then come first.
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCover(entries, dataBytes, where);
  return { entries, metadata: strings.data };
}

function checkEntry(name: string, value: unknown, dataBytes: number, where: string): TensorEntry {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new UserError(
      `${where}: tensor '${name}': expected dtype, shape and data_offsets, found a wrong ` +
        `${issue.path.join('.') || 'entry'} (${issue.message}); the file is damaged`,
    );
  }
  const { dtype: typeName, shape, data_offsets: offsets } = parsed.data;
  const [begin, end] = offsets;
  const dtype = Object.hasOwn(typeOfName, typeName) ? typeOfName[typeName] : undefined;
  if (dtype === undefined) {
    throw new UserError(
      `${where}: tensor '${name}': expected type F32, I32 or BOOL, found ${typeName}; convert the file`,
    );
  }
  const bytes = sizeOf(shape) * bytesPerElement[dtype];
  if (end - begin !== bytes) {
    throw new UserError(
      `${where}: tensor '${name}': expected ${bytes} bytes for ${typeName} [${shape}], found ${end - begin}; ` +
        'the file is damaged',
    );
  }
  if (end > dataBytes) {
    throw new UserError(
      `${where}: tensor '${name}': expected data up to byte ${end}, found ${dataBytes} bytes of data; ` +
        'the file is cut short',
    );
  }
  return { name, dtype, shape, begin, end };
}

/** The format asks that tensors follow one another without overlap or gap, to the end of the file. */
function checkCover(entries: readonly TensorEntry[], dataBytes: number, where: string): void {
  let covered = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== covered) {
      const what = begin < covered ? 'overlaps the one before' : 'leaves a gap';
      throw new UserError(
        `${where}: tensor '${name}': expected its data at byte ${covered}, found it at ${begin}, which ${what}; ` +
          'the file is damaged',
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw new UserError(
      `${where}: expected ${covered} bytes of data, found ${dataBytes}; the file is damaged or two were joined`,
    );
  }
}
