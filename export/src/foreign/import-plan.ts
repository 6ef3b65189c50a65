import { type DataSpec, type InputSpec, type OutputMeaning, UserError } from '@generatrix/runtime/core';

/** What an input of a model from elsewhere is for. */
export type DeclaredInput =
  | { readonly role: 'noise'; readonly distribution: 'normal' | 'uniform' }
  | { readonly role: 'label'; readonly classes: number }
  | { readonly role: 'data' }
  | { readonly role: 'latent' }
  | { readonly role: 'scalar'; readonly default: number };

/** The programs that a model from elsewhere can be, and what they return. */
export const importedPrograms = {
  sample: 'data',
  decode: 'data',
  encode: 'latent',
  logProb: 'logProb',
} as const satisfies Record<string, OutputMeaning>;
export type ImportedProgram = keyof typeof importedPrograms;

/** What the user says of a model from elsewhere. */
export interface ImportPlan {
  readonly program: ImportedProgram;
  /** By the model's own names of its inputs. */
  readonly inputs: Readonly<Record<string, DeclaredInput>>;
  /** Sizes, without the batch, of inputs that the model leaves open. */
  readonly sizes: Readonly<Record<string, readonly number[]>>;
  /** The output that counts; may be absent where there is one alone. */
  readonly output?: string | undefined;
  /** Shape of an example, where it is not the output's own, such as [28, 28, 1] of 784 values. */
  readonly shape?: readonly number[] | undefined;
  /** Where the channels of images stand; found out from the shape when absent. */
  readonly layout?: 'nhwc' | 'nchw' | undefined;
  /** Values of black and white, or of silence's extremes. */
  readonly range: readonly [number, number];
  /** Makes examples of one axis sound. */
  readonly sampleRate?: number | undefined;
}

/** An input of the model as it was found. */
export interface FoundInput {
  readonly name: string;
  readonly dtype: string;
  /** Without the batch; a name, or nothing, where a size is open. */
  readonly shape: readonly (number | string | null)[];
}

const sized = (shape: FoundInput['shape']) =>
  shape.map((dim) => (typeof dim === 'number' ? dim : dim || '?')).join(', ');

/** An input for messages, such as `z float32 [batch, 64]`. */
export function describeInput({ name, dtype, shape }: FoundInput): string {
  return `${name} ${dtype} [${['batch', sized(shape)].filter(Boolean).join(', ')}]`;
}

/**
 * The specification of every input, from what was found and what was declared.
 * @throws UserError naming an input that was not declared, or one that was declared and is not there; sizes that the
 *   model leaves open; and roles that do not fit.
 */
export function inputSpecs(
  where: string,
  found: readonly FoundInput[],
  plan: ImportPlan,
): Record<string, InputSpec> {
  const { inputs, sizes } = plan;
  const names = found.map(({ name }) => name);
  const list = found.map(describeInput).join('; ') || 'none';
  for (const name of [...Object.keys(inputs), ...Object.keys(sizes)]) {
    if (!names.includes(name)) throw new UserError(`${where}: has no input '${name}' (it has: ${list})`);
  }
  return Object.fromEntries(
    found.map((input) => {
      const declared = Object.hasOwn(inputs, input.name) ? inputs[input.name] : undefined;
      if (declared === undefined) {
        throw new UserError(
          `${where}: what is its input ${describeInput(input)} for? Add --noise ${input.name}=normal, ` +
            `--label ${input.name}=CLASSES, --data ${input.name}, --latent ${input.name} or --scalar ${input.name}=VALUE`,
        );
      }
      return [input.name, specOf(where, input, declared, plan)];
    }),
  );
}

function specOf(
  where: string,
  input: FoundInput,
  declared: DeclaredInput,
  { sizes, layout }: ImportPlan,
): InputSpec {
  const shape = () =>
    knownShape(where, input, Object.hasOwn(sizes, input.name) ? sizes[input.name] : undefined);
  switch (declared.role) {
    case 'label':
      return { role: 'label', dtype: 'int32', shape: [], classes: declared.classes };
    case 'scalar':
      return { role: 'scalar', dtype: 'float32', shape: [], default: declared.default };
    case 'noise':
      return { role: 'noise', dtype: 'float32', shape: shape(), distribution: declared.distribution };
    case 'latent':
      return { role: 'latent', dtype: 'float32', shape: shape() };
    case 'data': {
      const own = shape();
      const [channels, height, width] = own as [number, number, number];
      const first = areChannelsFirst(own, layout);
      return { role: 'data', dtype: 'float32', shape: first ? [height, width, channels] : own };
    }
  }
}

/** Whether examples of this shape, without the batch, are images with their channels before rows and columns. */
export function areChannelsFirst(
  shape: readonly (number | string | null)[],
  layout: ImportPlan['layout'],
): boolean {
  if (shape.length !== 3) return false;
  const few = (n: number | string | null | undefined) => n === 1 || n === 3 || n === 4;
  return layout === undefined ? few(shape[0]) && !few(shape[2]) : layout === 'nchw';
}

/** The shape without the batch, open sizes as given. */
export function knownShape(where: string, input: FoundInput, size: readonly number[] | undefined): number[] {
  const { name, shape } = input;
  if (size !== undefined) {
    const fits =
      size.length === shape.length && shape.every((dim, i) => typeof dim !== 'number' || dim === size[i]);
    if (fits) return [...size];
    throw new UserError(
      `${where}: its input ${describeInput(input)} cannot have the size ${size.join('x')} that --size gives it`,
    );
  }
  return shape.map((dim) => {
    if (typeof dim === 'number') return dim;
    const example = shape.map((other) => (typeof other === 'number' ? other : 'N')).join('x');
    throw new UserError(
      `${where}: the size of its input ${describeInput(input)} is open: give it with --size ${name}=${example}`,
    );
  });
}

/** How an output becomes examples: its axes moved, then its values in another shape. */
export interface OutputChange {
  /** Axes of the whole output, batch first. */
  readonly perm?: readonly number[];
  /** Without the batch. */
  readonly shape: readonly number[];
}

/**
 * How an output of this shape (without the batch) becomes examples: images get their channels last.
 * @throws UserError when it cannot be told what the examples are.
 */
export function outputChange(where: string, shape: readonly number[], plan: ImportPlan): OutputChange {
  const meaning = importedPrograms[plan.program];
  if (meaning === 'latent') return { shape };
  if (meaning === 'logProb') {
    if (shape.every((dim) => dim === 1)) return { shape: [] };
    throw new UserError(`${where}: expected one log-density for each example, got [${shape}] of them`);
  }
  const size = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);
  if (plan.shape !== undefined && size(plan.shape) !== size(shape)) {
    throw new UserError(
      `${where}: an example has the shape [${shape}], which does not make ${plan.shape.join('x')}; change --shape`,
    );
  }
  if (shape.length === 3) {
    const [first] = shape as [number, number, number];
    if (!areChannelsFirst(shape, plan.layout)) return { shape: plan.shape ?? shape };
    const moved = [shape[1]!, shape[2]!, first];
    return { perm: [0, 2, 3, 1], shape: plan.shape ?? moved };
  }
  if (plan.shape !== undefined) return { shape: plan.shape };
  // Grey images without an axis of channels.
  if (shape.length === 2 && plan.sampleRate === undefined && shape[0]! > 1 && shape[1]! > 1) {
    return { shape: [...shape, 1] };
  }
  return { shape: shape.length === 1 ? shape : [size(shape)] };
}

/**
 * What the examples are.
 * @throws UserError when their shape is none of an image, a sound or points.
 */
export function dataSpecOf(where: string, shape: readonly number[], plan: ImportPlan): DataSpec {
  const { range, sampleRate } = plan;
  if (shape.length === 3) {
    const [height, width, channels] = shape as [number, number, number];
    if (channels !== 1 && channels !== 3) {
      throw new UserError(
        `${where}: images of ${channels} channels cannot be shown (shape [${shape}]); is --layout right?`,
      );
    }
    return { kind: 'image', shape: [height, width, channels], range };
  }
  if (shape.length === 1) {
    const [length] = shape as [number];
    if (sampleRate !== undefined) return { kind: 'audio', shape: [length], sampleRate, range };
    return { kind: 'points', shape: [length] };
  }
  throw new UserError(
    `${where}: expected examples of shape [height, width, channels], [samples] or [values], got [${shape}]; give --shape`,
  );
}
