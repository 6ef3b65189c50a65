import { messageOf, UserError } from '../errors.ts';
import { digestHex } from './digest.ts';
import { parseManifest } from './manifest.ts';
import type { FileEntry, Manifest, ProgramEntry } from './manifest-schema.ts';
import { programFiles } from './program-files.ts';

/** Bytes received so far; a total of 0 is an unknown one. */
export interface Progress {
  readonly received: number;
  readonly total: number;
}

export interface ReadOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  /** Size that the file should have: a source may stop early when it is another. */
  readonly expectedBytes?: number;
  /** Size above which a source that knows it may refuse to read the file. */
  readonly maxBytes?: number;
}

/** Where a bundle's files come from. */
export interface BundleSource {
  /** What errors call the bundle: its folder or address. */
  describe(): string;
  /**
   * Reads one file by its path within the bundle.
   * @throws UserError when the file is missing or lies outside.
   */
  read(path: string, options?: ReadOptions): Promise<Uint8Array>;
}

export interface Bundle {
  readonly manifest: Manifest;
  readonly source: BundleSource;
  /** The entry of a program. @throws UserError naming the programs there are. */
  program(name: string): ProgramEntry;
  /** A program's ONNX bytes, size and hash verified. */
  readProgram(name: string, options?: ReadOptions): Promise<Uint8Array>;
  /**
   * The files that a program takes weights from, by their names, sizes and hashes verified; none where its weights are
   * inside. They may be in use for other programs as well: leave them as they are.
   */
  readWeights(name: string, options?: ReadOptions): Promise<Record<string, Uint8Array>>;
  /** Any file of the manifest, size and hash verified. @throws UserError naming the file that is wrong. */
  readFile(entry: FileEntry, options?: ReadOptions): Promise<Uint8Array>;
}

const manifestFile = 'model.json';
/** A manifest takes a few kilobytes; one beyond this is none, and parsing it would stall a server. */
const largestManifest = 2 ** 24;

/**
 * Reads and checks a bundle's manifest. Programs and other files are read when asked for.
 * @throws UserError when the manifest is missing, no JSON, or not what `parseManifest` accepts.
 */
export async function openBundle(source: BundleSource, options: ReadOptions = {}): Promise<Bundle> {
  const where = `${source.describe()}: ${manifestFile}`;
  const text = await source.read(manifestFile, { ...options, maxBytes: largestManifest });
  const manifest = parseManifest(parseJson(text, where), where);

  const readFile = async (entry: FileEntry, readOptions: ReadOptions = {}) => {
    const bytes = await source.read(entry.file, { ...readOptions, expectedBytes: entry.bytes });
    await verify(source, entry, bytes);
    return bytes;
  };
  const program = (name: string) => {
    if (Object.hasOwn(manifest.programs, name)) return manifest.programs[name]!;
    const known = Object.keys(manifest.programs).join(', ') || 'none';
    throw new UserError(`bundle ${source.describe()} has no program '${name}' (it has: ${known})`);
  };
  const readShared = sharedReads(readFile);
  return {
    manifest,
    source,
    program,
    readFile,
    readWeights: async (name, readOptions) => {
      const [, ...files] = programFiles(manifest, program(name));
      const weights: Record<string, Uint8Array> = {};
      for (const entry of files) weights[entry.file] = await readShared(entry, readOptions);
      return weights;
    },
    readProgram: async (name, readOptions) => readFile(program(name), readOptions),
  };
}

/**
 * Reads files of which several programs take parts: what is in memory still is not read again. Who reads it anew waits
 * for nobody else's read, which may be given up.
 */
function sharedReads(
  readFile: Bundle['readFile'],
): (entry: FileEntry, options?: ReadOptions) => Promise<Uint8Array> {
  const held = new Map<string, WeakRef<Uint8Array>>();
  return async (entry, options = {}) => {
    const known = held.get(entry.file)?.deref();
    if (known !== undefined) {
      options.onProgress?.({ received: entry.bytes, total: entry.bytes });
      return known;
    }
    const bytes = await readFile(entry, options);
    held.set(entry.file, new WeakRef(bytes));
    return bytes;
  };
}

async function verify(
  source: BundleSource,
  { file, bytes, sha256 }: FileEntry,
  found: Uint8Array,
): Promise<void> {
  const where = `bundle ${source.describe()}: ${file}`;
  if (found.byteLength !== bytes) throw wrongSize(where, found.byteLength, bytes);
  const hash = await digestHex(found);
  if (hash !== sha256) {
    throw new UserError(
      `${where} was changed: its SHA-256 is ${hash.slice(0, 12)}... where ${manifestFile} says ${sha256.slice(0, 12)}...; copy the bundle again`,
    );
  }
}

/** What is said of a file whose size is not the manifest's. */
export function wrongSize(where: string, found: number, expected: number): UserError {
  return new UserError(
    `${where} has ${found} bytes where ${manifestFile} says ${expected}: incomplete or changed, copy the bundle again`,
  );
}

function parseJson(bytes: Uint8Array, where: string): unknown {
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text);
  } catch (error) {
    // Many web servers answer a missing file with a page, and say that all is well.
    const hint = text.trimStart().startsWith('<') ? ' (it looks like a web page: is the address right?)' : '';
    throw new UserError(`${where} is not JSON${hint}: ${messageOf(error)}`);
  }
}
