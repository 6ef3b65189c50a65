import { UserError } from '@generatrix/runtime/core';

/** What is looked at of a file's schema, as hyparquet gives it. */
export interface SchemaColumn {
  readonly element: {
    readonly name: string;
    readonly type?: string;
    readonly repetition_type?: string;
    readonly converted_type?: string;
    readonly logical_type?: { readonly type: string };
  };
  readonly children: readonly SchemaColumn[];
}

/** Notes that writers leave in a file. */
export type FileNotes = readonly { readonly key: string; readonly value?: string }[];

/** What is read of a table. */
export interface ParquetColumns {
  /** The column of images: a struct with their bytes (as Hugging Face writes them), or the bytes themselves. */
  readonly image: { readonly name: string; readonly inStruct: boolean } | null;
  /** Columns of numbers, or of lists of numbers; empty where there are images. */
  readonly numbers: readonly string[];
  readonly label: string | null;
  /** Names of the classes that the label's numbers stand for, as Hugging Face writes them; null when not said. */
  readonly classNames: readonly string[] | null;
}

const numberTypes = new Set(['BOOLEAN', 'INT32', 'INT64', 'FLOAT', 'DOUBLE']);

/**
 * Chooses the columns: of several with images, the one called `image` or `img`. The label is the column asked for, else
 * the one that the file says is a class label, else one called `label` beside images.
 * @throws UserError when the columns are neither numbers nor images, or the label's is not there.
 */
export function chooseColumns(
  path: string,
  columns: readonly SchemaColumn[],
  notes: FileNotes,
  labelColumn: string | undefined,
): ParquetColumns {
  const names = columns.map(({ element }) => element.name);
  if (labelColumn !== undefined && !names.includes(labelColumn)) {
    throw new UserError(
      `${path}: expected a column ${labelColumn}, found ${names.join(', ')}; name one of these with --label-column`,
    );
  }
  const classes = classLabels(notes);
  const image = imageColumn(path, columns);
  const implied =
    names.find((name) => classes.has(name)) ?? (image && names.find((name) => name === 'label'));
  const label = labelColumn ?? implied ?? null;
  const common = { label, classNames: (label === null ? undefined : classes.get(label)) ?? null };
  if (image !== null) return { image, numbers: [], ...common };
  const others = columns.filter(({ element }) => element.name !== label);
  const text = others.find((column) => !isNumeric(column) && !isNumeric(elementOf(column)));
  if (text) {
    throw new UserError(
      `${path}: expected columns of numbers, lists of numbers or images, found ${text.element.name} of ` +
        `${text.element.logical_type?.type ?? text.element.type ?? 'several fields'}; drop it, or name it with --label-column`,
    );
  }
  if (others.length === 0) {
    throw new UserError(`${path}: expected columns of numbers or images, found only the label; add columns`);
  }
  return { image: null, numbers: others.map(({ element }) => element.name), ...common };
}

function imageColumn(path: string, columns: readonly SchemaColumn[]): ParquetColumns['image'] {
  const found = columns.flatMap((column) => {
    const inStruct = column.children.some((child) => child.element.name === 'bytes' && isBytes(child));
    return inStruct || isBytes(column) ? [{ name: column.element.name, inStruct }] : [];
  });
  const called = found.find(({ name }) => name === 'image' || name === 'img');
  if (called || found.length <= 1) return called ?? found[0] ?? null;
  throw new UserError(
    `${path}: expected one column of images, found ${found.map(({ name }) => name).join(', ')}; call one of them image`,
  );
}

function isBytes({ element, children }: SchemaColumn): boolean {
  const isText = element.converted_type !== undefined || element.logical_type !== undefined;
  return children.length === 0 && element.type === 'BYTE_ARRAY' && !isText;
}

/** Plain numbers: no dates, times or decimals, which are numbers only in how they are stored. */
function isNumeric(column: SchemaColumn | undefined): boolean {
  if (column === undefined || column.children.length > 0) return false;
  const { type, logical_type: logical, converted_type: converted } = column.element;
  if (logical?.type === 'FLOAT16') return true;
  const plain = logical === undefined || logical.type === 'INTEGER';
  const integer = converted === undefined || /^U?INT_/.test(converted);
  return type !== undefined && numberTypes.has(type) && plain && integer;
}

/** The element of a list, whichever of the forms the writer chose; undefined when the column is no list. */
function elementOf(column: SchemaColumn): SchemaColumn | undefined {
  const repeated = column.children[0];
  if (column.element.repetition_type === 'REPEATED') return undefined;
  if (column.children.length !== 1 || repeated?.element.repetition_type !== 'REPEATED') return undefined;
  return repeated.children.length === 1 ? repeated.children[0] : repeated;
}

/** Class names by column, from what Hugging Face's `datasets` writes into the file. */
function classLabels(notes: FileNotes): Map<string, readonly string[]> {
  const text = notes.find(({ key }) => key === 'huggingface')?.value;
  const found = new Map<string, readonly string[]>();
  if (text === undefined) return found;
  try {
    const { info } = JSON.parse(text) as {
      info?: { features?: Record<string, { _type?: string; names?: unknown }> };
    };
    for (const [name, { _type, names }] of Object.entries(info?.features ?? {})) {
      if (_type === 'ClassLabel' && Array.isArray(names)) found.set(name, names.map(String));
    }
  } catch {
    // A note in another form says nothing of classes.
  }
  return found;
}
