import type { HostTensor, StateSpec as TensorSpec } from '@generatrix/runtime/core';

/** Everything training carries from step to step, on the host. */
export type HostState = Record<string, HostTensor>;

/**
 * What a tensor of the state is:
 * - `parameter`: what the model has learned, changed by an optimizer (or by EM);
 * - `statistic`: what the programs need besides and a step changes by other rules, such as running moments;
 * - `data`: set before the first step and never changed, such as the data's mean or a reference batch;
 * - `slot`: what only training needs, such as an optimizer's moments or running means. It begins anew where a run starts
 *   from another's weights.
 */
export type StateKind = 'parameter' | 'slot' | 'statistic' | 'data';

/** One tensor of the state: its shape, how it starts, and what it is; a parameter when that is not said. */
export interface StateSpec extends TensorSpec {
  readonly kind?: StateKind;
}

/** Tensors by their names, as networks declare them. */
export type StateSpecs = Record<string, StateSpec>;

/** The whole state of a model: each tensor says what it is. */
export type ModelState = Record<string, StateSpec & { readonly kind: StateKind }>;

/** The same tensors, all of one kind. */
export function asKind(kind: StateKind, specs: Readonly<StateSpecs>): ModelState {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, { ...spec, kind }]));
}

/** The same tensors, those that do not say what they are as parameters. */
export function withKinds(specs: Readonly<StateSpecs>): ModelState {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [name, { ...spec, kind: spec.kind ?? 'parameter' }]),
  );
}

/** Those of the tensors that are of one of these kinds. */
export function ofKind(specs: Readonly<StateSpecs>, ...kinds: readonly StateKind[]): StateSpecs {
  return Object.fromEntries(
    Object.entries(specs).filter(([, { kind = 'parameter' }]) => kinds.includes(kind)),
  );
}
