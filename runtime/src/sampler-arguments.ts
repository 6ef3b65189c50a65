import type { Bundle } from './bundle.ts';
import { UserError } from './errors.ts';
import type { OutputMeaning } from './program.ts';
import type { HostTensor } from './tensor.ts';

/** What is known of a bundle without reading its programs. */
export type BundleView = Pick<Bundle, 'manifest' | 'program'>;

/** A seed short enough to write down. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

/** One label for each sample. @throws UserError when the label is no whole number. */
export function spread(label: number | Int32Array, count: number): Int32Array {
  if (typeof label !== 'number') return Int32Array.from(label);
  // Int32Array would wrap or cut what it cannot hold, and another class would be drawn.
  if ((label | 0) !== label) throw new UserError(`label: expected a whole number, got ${label}`);
  return new Int32Array(count).fill(label);
}

/**
 * Labels for a program that draws samples; none given, the samples take their classes in turn.
 * @throws UserError when there is a label and the program takes none.
 */
export function labelsFor(
  bundle: BundleView,
  program: string,
  label: number | Int32Array | undefined,
  count: number,
): { readonly labels?: Int32Array } {
  if (label === undefined) return {};
  if (!Object.values(bundle.program(program).inputs).some(({ role }) => role === 'label')) {
    throw new UserError(`program ${program} of ${bundle.manifest.name} takes no label, got ${String(label)}`);
  }
  return { labels: spread(label, count) };
}

/** Number of examples in a batch. @throws UserError when there are none. */
export function rows({ shape }: HostTensor): number {
  const count = shape[0] ?? 0;
  if (count < 1) throw new UserError(`expected at least one example, [n, ...shape], got shape [${shape}]`);
  return count;
}

/**
 * Labels for a program that takes examples or codes: taken in turn they would rarely be the right ones, so a program
 * with classes needs them.
 * @throws UserError when it does and there are none.
 */
export function givenLabels(
  bundle: BundleView,
  program: string,
  label: number | Int32Array | undefined,
  count: number,
): { readonly labels?: Int32Array } {
  const specs = Object.values(bundle.program(program).inputs);
  const spec = specs.find(({ role }) => role === 'label');
  if (spec?.role !== 'label') return {};
  if (label === undefined) {
    throw new UserError(
      `program ${program} of ${bundle.manifest.name} needs a label, 0 to ${spec.classes - 1}`,
    );
  }
  return { labels: spread(label, count) };
}

/** The options that are a program's scalars. @throws UserError when one is no number. */
export function scalarsOnly(options: Readonly<Record<string, unknown>>): Record<string, number> {
  const scalars: Record<string, number> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (typeof value !== 'number') {
      throw new UserError(`sample: option '${name}': expected a number, got ${String(value)}`);
    }
    scalars[name] = value;
  }
  return scalars;
}

/** A program's output of one meaning. @throws UserError when it has none. */
export function outputOf(
  bundle: BundleView,
  program: string,
  outputs: Readonly<Record<string, HostTensor>>,
  meaning: OutputMeaning,
): HostTensor {
  const specs = Object.entries(bundle.program(program).outputs);
  const name = specs.find(([, spec]) => spec.meaning === meaning)?.[0];
  const tensor = name === undefined ? undefined : outputs[name];
  if (tensor !== undefined) return tensor;
  throw new UserError(`program ${program} of ${bundle.manifest.name} has no output that is ${meaning}`);
}
