import { type NamedTensors, tf, trace, writeOnnx } from '@generatrix/export';
import { createExecutor, type HostTensor, hostTensor, sizeOf } from '@generatrix/runtime';
import { expect } from 'vitest';
import { ofKind } from '../model/state.ts';
import type { Module, Pass } from '../nn/module.ts';

/** Flat values in row-major order, in doubles. */
export type Values = readonly number[];

/** What a reference is given. */
export interface Given {
  readonly x: Values;
  readonly state: Readonly<Record<string, Values>>;
  readonly noise: Readonly<Record<string, Values>>;
  readonly condition: Values;
}

export interface ModuleCheck {
  readonly module: Module;
  /** Of the input, batch first. */
  readonly shape: readonly number[];
  /** Whole numbers as the input, for an embedding; made-up numbers when absent. */
  readonly index?: Values;
  /** The module's output in plain loops or closed form, flat. */
  readonly reference: (given: Given) => Values;
  readonly training?: boolean;
  /** Width of the pass's condition; none when absent. */
  readonly condition?: number;
}

/** Made-up numbers between -1.3 and 1.3 that look random, the same each time. */
export function madeUp(size: number, phase: number): number[] {
  return Array.from({ length: size }, (_, i) =>
    Math.fround(Math.sin(7.3 * i + phase) + 0.3 * Math.cos(i * i)),
  );
}

/**
 * Holds a module against a reference that knows nothing of tfjs: its output, its gradient with respect to the input
 * and every parameter (central differences of the reference in doubles), and both of them once more as a program in
 * onnxruntime.
 */
export async function expectModule(check: ModuleCheck): Promise<void> {
  const { module, shape, reference, training = false, index } = check;
  const batch = shape[0]!;
  const state: Record<string, Values> = {};
  for (const [i, [name, spec]] of Object.entries(module.specs).entries()) {
    const values = madeUp(sizeOf(spec.shape), i + 1);
    state[name] = name.endsWith('/variance')
      ? values.map((value) => Math.fround(0.5 + value * value))
      : values;
  }
  const noise: Record<string, Values> = {};
  for (const [name, spec] of Object.entries(module.noise ?? {})) {
    noise[name] = madeUp(batch * sizeOf(spec.shape), 11).map((value) => Math.fround(Math.abs(value) / 1.4));
  }
  const condition = madeUp(batch * (check.condition ?? 0), 12);
  const given: Given = { x: index ?? madeUp(sizeOf(shape), 0), state, noise, condition };

  const expected = reference(given);
  const weights = madeUp(expected.length, 13);
  const parameters = Object.keys(ofKind(module.specs, 'parameter'));
  const differentiated = [...(index === undefined ? ['x'] : []), ...parameters];

  const run = (inputs: NamedTensors): NamedTensors => {
    const passOf = (tensors: NamedTensors): Pass => ({
      training,
      moments: {},
      noise: Object.fromEntries(Object.keys(noise).map((name) => [name, tensors[`noise ${name}`]!])),
      ...(check.condition === undefined ? {} : { condition: tensors.condition! }),
    });
    const at = (tensors: NamedTensors) => module.apply(tensors, tensors.x!, passOf(tensors));
    const slopes = tf.grads((...values: tf.Tensor[]) => {
      const moved = Object.fromEntries(differentiated.map((name, i) => [name, values[i]!]));
      return tf.sum(tf.mul(tf.reshape(at({ ...inputs, ...moved }), [-1]), tf.tensor1d(weights)));
    })(differentiated.map((name) => inputs[name]!));
    const gradients = differentiated.map((name, i) => [`gradient of ${name}`, slopes[i]!]);
    return { output: at(inputs), ...Object.fromEntries(gradients) };
  };

  const host = {
    x: hostTensor(index === undefined ? 'float32' : 'int32', shape, given.x),
    ...Object.fromEntries(
      Object.entries(module.specs).map(([name, spec]) => [
        name,
        hostTensor('float32', spec.shape, state[name]!),
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(module.noise ?? {}).map(([name, spec]) => [
        `noise ${name}`,
        hostTensor('float32', [batch, ...spec.shape], noise[name]!),
      ]),
    ),
    ...(check.condition === undefined
      ? {}
      : { condition: hostTensor('float32', [batch, check.condition], condition) }),
  };
  const tensors = Object.fromEntries(
    Object.entries(host).map(([name, { data, shape, dtype }]) => [name, tf.tensor(data, [...shape], dtype)]),
  );
  const eager = run(tensors);
  const values = (name: string) => Array.from(eager[name]!.dataSync());

  expectClose('output', values('output'), expected, 1e-5);
  const objective = (moved: Given) =>
    reference(moved).reduce((sum, value, i) => sum + value * weights[i]!, 0);
  for (const name of differentiated) {
    const own = name === 'x' ? given.x : state[name]!;
    const slopes = own.map((value, i) => {
      const at = (by: number) => {
        const moved = own.with(i, value + by);
        return objective(
          name === 'x' ? { ...given, x: moved } : { ...given, state: { ...state, [name]: moved } },
        );
      };
      return (at(1e-5) - at(-1e-5)) / 2e-5;
    });
    // float32 sums against doubles.
    expectClose(`gradient of ${name}`, values(`gradient of ${name}`), slopes, 2e-5);
  }

  const graph = trace(
    run,
    Object.fromEntries(Object.entries(host).map(([name, { dtype, shape }]) => [name, { dtype, shape }])),
  );
  const program = await (await createExecutor('cpu')).load('module', writeOnnx(graph, { name: 'module' }));
  try {
    const compiled = await program.run(host);
    for (const name of Object.keys(eager)) {
      expectClose(`compiled ${name}`, Array.from((compiled[name] as HostTensor).data), values(name), 1e-5);
    }
  } finally {
    await program.release();
  }
}

/** Equal up to `tolerance`, relative to the largest value expected or 1. */
function expectClose(what: string, actual: Values, expected: Values, tolerance: number): void {
  expect(actual.length, `number of values of ${what}`).toBe(expected.length);
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs(actual[i]! - value), `${what}[${i}]: ${actual[i]}, expected ${value}`).toBeLessThan(
      tolerance * scale,
    );
  }
}
