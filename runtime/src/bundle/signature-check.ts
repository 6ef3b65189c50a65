import { UserError } from '../errors.ts';
import type { Executor, LoadedProgram, LoadOptions, ProgramPort } from '../program/executor.ts';
import { portNames } from '../program/program.ts';
import type { Bundle, Progress, ReadOptions } from './bundle.ts';
import type { ProgramEntry } from './manifest-schema.ts';
import { programFiles } from './program-files.ts';

/** Type and shape of an input or output; float32 when no type is given. */
interface PortShape {
  readonly dtype?: string;
  readonly shape: readonly (number | string)[];
}

/**
 * Compiles a program of a bundle whose file, size and hash have been verified, and compares it with what `model.json`
 * says of it. A manifest that was edited apart from its programs would compute wrong values or fail in the middle of a request.
 * @throws UserError when names, types or shapes differ; what the executor throws when it cannot run the program.
 */
export async function loadProgram(
  bundle: Bundle,
  executor: Executor,
  name: string,
  options: ReadOptions & LoadOptions = {},
): Promise<LoadedProgram> {
  const entry = bundle.program(name);
  const { onnx, weights } = await readRunnable(bundle, name, options);
  const program = await executor.load(`${bundle.manifest.name}/${name}`, onnx, { ...options, weights });
  const where = `bundle ${bundle.source.describe()}: ${entry.file}`;
  await orRelease(program, () => checkSignature(where, entry, program));
  return program;
}

/** A program and the files that it takes weights from. */
export interface RunnableProgram {
  readonly onnx: Uint8Array;
  /** By their names; none where the weights are inside. */
  readonly weights: Readonly<Record<string, Uint8Array>>;
}

/**
 * Reads all that it takes to run a program, sizes and hashes verified. Progress counts the bytes of all files.
 * @throws UserError naming the file that is missing or wrong.
 */
export async function readRunnable(
  bundle: Bundle,
  name: string,
  { onProgress, ...options }: ReadOptions = {},
): Promise<RunnableProgram> {
  const total = programFiles(bundle.manifest, bundle.program(name)).reduce(
    (sum, { bytes }) => sum + bytes,
    0,
  );
  let before = 0;
  const read = <T>(reading: (options: ReadOptions) => Promise<T>): Promise<T> => {
    const progress = ({ received }: Progress) => onProgress?.({ received: before + received, total });
    return reading({ ...options, onProgress: progress });
  };
  const onnx = await read((o) => bundle.readProgram(name, o));
  before += onnx.length;
  return { onnx, weights: await read((o) => bundle.readWeights(name, o)) };
}

/** Does the check; a program that fails it is released. @throws what the check throws. */
export async function orRelease(program: LoadedProgram, check: () => void): Promise<void> {
  try {
    check();
  } catch (error) {
    await program.release();
    throw error;
  }
}

/**
 * Compares the names, types and shapes of a compiled program's inputs and outputs with a declared signature.
 * A dimension that the program leaves open fits any declared one.
 * @param where what errors call the program's file
 * @param state tensors of a training state, whole shapes by their names: further inputs `state/NAME` that the program
 *   may have
 * @throws UserError with both, in one line.
 */
export function checkSignature(
  where: string,
  { inputs, outputs }: Pick<ProgramEntry, 'inputs' | 'outputs'>,
  program: Pick<LoadedProgram, 'inputs' | 'outputs'>,
  state: Readonly<Record<string, PortShape>> = {},
): void {
  const used = new Set(program.inputs.map(({ name }) => name));
  const stateInputs = Object.entries(state)
    .map(([name, port]) => [portNames.state(name), port] as const)
    .filter(([name]) => used.has(name));
  comparePorts(
    where,
    'inputs',
    { ...wholeShapes(inputs), ...Object.fromEntries(stateInputs) },
    program.inputs,
  );
  comparePorts(where, 'outputs', wholeShapes(outputs), program.outputs);
}

/**
 * Compares the state that a compiled training step takes and returns with a declared one.
 * @throws UserError with both, in one line.
 */
export function checkStepState(
  where: string,
  state: Readonly<Record<string, PortShape>>,
  step: Pick<LoadedProgram, 'inputs' | 'outputs'>,
): void {
  const named = (nameOf: (name: string) => string) =>
    Object.fromEntries(Object.entries(state).map(([name, port]) => [nameOf(name), port]));
  const within = (ports: readonly ProgramPort[], prefix: string) =>
    ports.filter(({ name }) => name.startsWith(prefix));
  comparePorts(where, 'inputs', named(portNames.state), within(step.inputs, portNames.state('')));
  comparePorts(where, 'outputs', named(portNames.next), within(step.outputs, portNames.next('')));
}

/** The shapes with the batch dimension, which every port but a scalar has. */
function wholeShapes(
  ports: Readonly<Record<string, PortShape & { readonly role?: string }>>,
): Record<string, PortShape> {
  return Object.fromEntries(
    Object.entries(ports).map(([name, { dtype, shape, role }]) => [
      name,
      { dtype, shape: role === 'scalar' ? shape : ['batch', ...shape] },
    ]),
  );
}

function comparePorts(
  where: string,
  what: 'inputs' | 'outputs',
  declared: Readonly<Record<string, PortShape>>,
  found: readonly ProgramPort[],
): void {
  const good = new Set(
    found
      .filter((port) => Object.hasOwn(declared, port.name) && fits(port, declared[port.name]!, what))
      .map(({ name }) => name),
  );
  const wrong = (ports: readonly (readonly [string, PortShape])[]) =>
    ports.filter(([name]) => !good.has(name)).map(([name, port]) => describe(name, port));
  const got = wrong(found.map((port) => [port.name, port]));
  const expected = wrong(Object.entries(declared));
  if (got.length === 0 && expected.length === 0) return;
  throw new UserError(
    `${where}: its ${what} are ${list(got)}, model.json says ${list(expected)}; one of the two was changed: ` +
      'export the model again',
  );
}

function fits(port: ProgramPort, declared: PortShape, what: 'inputs' | 'outputs'): boolean {
  if (port.dtype !== (declared.dtype ?? 'float32')) return false;
  // onnxruntime reports an output whose rank is left open like one of rank 0.
  if (what === 'outputs' && port.shape.length === 0) return true;
  return (
    port.shape.length === declared.shape.length &&
    port.shape.every((dim, axis) => typeof dim === 'string' || dim === declared.shape[axis])
  );
}

function describe(name: string, { dtype = 'float32', shape }: PortShape): string {
  return `${name} ${dtype} [${shape.map((dim) => (dim === '' ? '?' : dim)).join(', ')}]`;
}

/** At most four ports, as a step has hundreds. */
function list(ports: readonly string[]): string {
  if (ports.length === 0) return 'fewer';
  return ports.toSorted().slice(0, 4).join(', ') + (ports.length > 4 ? `, and ${ports.length - 4} more` : '');
}
