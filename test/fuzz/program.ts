import { tf } from '@generatrix/export';
import { Draw, type Known } from './draw.ts';
import { drawLine } from './lines.ts';

type Tensors = Record<string, tf.Tensor>;
type DType = Known['dtype'];

/** A random program of tfjs calls. */
export interface Program {
  /** The function as it would be written, of an object of inputs: `({ a, b }) => ({ v0, v1 })`. */
  readonly text: string;
  readonly fn: (inputs: Tensors) => Tensors;
  readonly inputs: readonly {
    readonly name: string;
    readonly dtype: DType;
    readonly shape: readonly number[];
  }[];
  /** What the gradients are of that the function returns as `dNAME`; null where it returns none. */
  readonly loss: ((inputs: Tensors) => tf.Scalar) | null;
  /** Inputs that get a batch dimension of any size; none in a program of fixed sizes. */
  readonly batched: readonly string[];
}

/** The numbers that a program is made of: shrinking makes lists shorter and numbers smaller. */
export interface Recipe {
  readonly base: readonly number[];
  readonly inputs: readonly (readonly number[])[];
  readonly lines: readonly (readonly number[])[];
  readonly gradient: boolean;
  readonly batched: boolean;
}

/** Multiples of 1/4 in [-2, 2], integers in [-4, 4] or bools; small, uneven, the same for the same arguments. */
export function grid(shape: readonly number[], salt: number, dtype: DType = 'float32'): tf.Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const places = Array.from(
    { length: size },
    (_, i) => ((i + 1) * (5 + salt) + ((i * i) % 7) + 3 * salt) % 17,
  );
  const value = {
    float32: (n: number) => (n - 8) / 4,
    int32: (n: number) => (n % 9) - 4,
    bool: (n: number) => n % 2,
  };
  return tf.tensor(places.map(value[dtype]), [...shape], dtype);
}

/** Names, sizes and values beyond which a line is left out: programs stay small and their values well conditioned. */
const largest = { size: 600, value: 200 };

/** Evaluates a line or a function in the words of a program, whose names are the keys of `scope`. */
function evaluate<T>(text: string, scope: Readonly<Record<string, unknown>>): T {
  const known = { tf, grid, ...scope };
  return new Function(...Object.keys(known), `'use strict'; return ${text};`)(...Object.values(known)) as T;
}

/** Sizes 0 to 4, 0 seldom. */
const sizes = [2, 1, 3, 2, 4, 1, 3, 2, 0, 4, 2, 3];

/** The program of a recipe; lines that tfjs refuses, or whose values leave the ranges, are left out. */
export function programOf(recipe: Recipe): Program {
  const base = recipe.base.map((n) => sizes[n % sizes.length]!);
  if (recipe.batched && base.length > 0) base[0] = 3;
  const known: Known[] = [];
  const values: Record<string, tf.Tensor> = {};
  const inputs: Program['inputs'][number][] = [];
  const statements: string[] = [];
  for (const [i, numbers] of recipe.inputs.entries()) {
    const draw = new Draw(numbers);
    const dtype = draw.oneOf(['float32', 'float32', 'int32', 'float32', 'bool'] as const);
    const whole = i === 0 || draw.flag();
    const cut = whole ? 0 : draw.below(base.length + 1);
    const shape = base.slice(cut).map((size) => (whole || draw.flag() ? size : 1));
    const name = 'abcd'[i]!;
    values[name] = grid(shape, i, dtype);
    known.push({ name, dtype, shape, exact: true });
    if (i > 0 && draw.below(3) === 0) statements.push(`const ${name} = grid([${shape}], ${i}, "${dtype}");`);
    else inputs.push({ name, dtype, shape });
  }
  const used = new Set<string>();
  for (const numbers of recipe.lines) {
    const line = drawLine(new Draw(numbers, known));
    if (line === null) continue;
    const value = attempt(() => evaluate<tf.Tensor>(line.text, values));
    const checked = value === null ? null : check(value, line.exact);
    if (checked === null) continue;
    const name = `v${statements.length}`;
    for (const { name: other } of known) if (new RegExp(`\\b${other}\\b`).test(line.text)) used.add(other);
    statements.push(`const ${name} = ${line.text};`);
    values[name] = value!;
    known.push({ ...checked, name });
  }
  const results = known.filter(({ name }) => name.startsWith('v') && !used.has(name));
  const whole =
    results.length > 0 ? results : known.slice(0, 1).map((x) => ({ ...x, name: `v: tf.clone(${x.name})` }));
  const names = inputs.map(({ name }) => name);
  const body = `${statements.join(' ')} return { ${whole.map(({ name }) => name).join(', ')} };`;
  const forward = `({ ${names.join(', ')} }) => { ${body} }`;
  const gradient = recipe.gradient ? differentiated(forward, inputs, whole, values) : null;
  const text = gradient?.text ?? forward;
  tf.dispose(values);
  const batched = recipe.batched
    ? inputs.filter(({ shape }) => shape.length === base.length && shape[0] === 3)
    : [];
  return {
    text,
    fn: evaluate(text, {}),
    loss: gradient?.loss ?? null,
    inputs,
    batched: batched.map(({ name }) => name),
  };
}

/** A weighted sum of the float results of a program, as a function of its float inputs. */
interface Differentiated {
  /** The program with the gradients beside its results, in words. */
  readonly text: string;
  readonly loss: (inputs: Tensors) => tf.Scalar;
}

/** Null where tfjs has no gradient, or the gradient leaves the ranges. */
function differentiated(
  forward: string,
  inputs: Program['inputs'],
  results: readonly Known[],
  values: Tensors,
): Differentiated | null {
  const floats = inputs.filter(({ dtype }) => dtype === 'float32').map(({ name }) => name);
  if (floats.length === 0 || !results.some(({ dtype }) => dtype === 'float32')) return null;
  const loss =
    `(x) => { const r = f(x); return tf.addN(Object.values(r).filter((y) => y.dtype === "float32")` +
    '.map((y, i) => tf.sum(tf.mul(y, grid(y.shape, i))))); }';
  const text =
    `(given) => { const f = ${forward}; const loss = ${loss}; ` +
    `const d = tf.grads((${floats.join(', ')}) => loss({ ...given, ${floats.join(', ')} }))` +
    `([${floats.map((name) => `given.${name}`).join(', ')}]); ` +
    `return { ...f(given), ${floats.map((name, i) => `d${name}: d[${i}]`).join(', ')} }; }`;
  const given = Object.fromEntries(inputs.map(({ name }) => [name, values[name]!]));
  const gradients = attempt(() => evaluate<(given: Tensors) => Tensors>(text, {})(given));
  if (gradients === null) return null;
  const fine = Object.values(gradients).every((y) => check(y, false) !== null);
  tf.dispose(gradients);
  return fine ? { text, loss: evaluate(`((f) => ${loss})(${forward})`, {}) } : null;
}

/** What a line gave, or null where its values leave the ranges. */
function check(value: tf.Tensor, keepsExact: boolean): Omit<Known, 'name'> | null {
  if (!(value instanceof tf.Tensor) || value.size > largest.size) return null;
  const data = Array.from(value.dataSync());
  if (!data.every((x) => Math.abs(x) <= largest.value)) return null;
  const exact = keepsExact && data.every((x) => Number.isInteger(x * 1024));
  return { dtype: value.dtype as DType, shape: value.shape, exact };
}

function attempt<T>(compute: () => T): T | null {
  try {
    return compute();
  } catch {
    return null;
  }
}
