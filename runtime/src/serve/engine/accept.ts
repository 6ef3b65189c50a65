import type { ProgramEntry } from '../../bundle/manifest-schema.ts';
import { checkCount } from '../../model/batches.ts';
import { checkSources, fillInputs, type InputSources } from '../../model/inputs.ts';
import { checkNoiseKey, type Seed } from '../../noise/noise.ts';
import type { InputSpec } from '../../program/program.ts';
import { type HostTensor, hostTensor, sizeOf } from '../../program/tensor.ts';

/** A request's rows, checked: what is given, by input, and what keys the rest. */
export interface AcceptedRows {
  readonly count: number;
  readonly seed: Seed;
  readonly firstIndex: number;
  readonly draw: number;
  readonly given: Readonly<Record<string, HostTensor>>;
  /** Every scalar of the program. */
  readonly scalars: Readonly<Record<string, number>>;
  /** Requests share a batch only when their scalars are the same: a program has one value for the whole batch. */
  readonly scalarKey: string;
}

/**
 * Checks a request's sources before it is queued. The noise of a part (`chunk`) is a part of another program's, which
 * workers do not know: it is drawn here and given to them.
 * @throws UserError as `fillInputs` would.
 */
export function acceptRows(
  program: string,
  inputs: Readonly<Record<string, InputSpec>>,
  sources: InputSources,
): AcceptedRows {
  const { count, seed, firstIndex, draw = 0 } = sources;
  checkCount('count', count);
  checkNoiseKey({ seed, firstIndex, count, draw });
  checkSources(program, inputs, sources);
  const part = sources.chunk ? fillInputs(program, inputs, sources) : undefined;
  const given: Record<string, HostTensor> = {};
  const scalars: Record<string, number> = {};
  let scalarKey = '';
  for (const [name, spec] of Object.entries(inputs)) {
    const tensor = part?.[name] ?? givenTensor(name, spec, sources);
    if (spec.role === 'scalar') {
      const value = tensor?.data[0] ?? sources.scalars?.[name] ?? spec.default;
      scalars[name] = spec.dtype === 'float32' ? Math.fround(value) : value;
      scalarKey += ` ${Object.is(scalars[name], -0) ? '-0' : scalars[name]}`;
    } else if (tensor) given[name] = tensor;
  }
  return { count, seed, firstIndex, draw, given, scalars, scalarKey };
}

function givenTensor(name: string, spec: InputSpec, sources: InputSources): HostTensor | undefined {
  const { tensors, labels, carries, count } = sources;
  if (tensors && Object.hasOwn(tensors, name)) return tensors[name];
  if (spec.role === 'data' || spec.role === 'latent') return sources[spec.role];
  if (spec.role === 'label' && labels) return hostTensor('int32', [count], labels);
  if (spec.role === 'condition') return sources.conditions?.[name];
  return spec.role === 'carry' ? carries?.[name] : undefined;
}

/** Bytes of one row of everything that a program takes and returns. */
export function rowBytes({ inputs, outputs }: Pick<ProgramEntry, 'inputs' | 'outputs'>): number {
  const ports = [...Object.values(inputs).filter(({ role }) => role !== 'scalar'), ...Object.values(outputs)];
  return ports.reduce((sum, { dtype, shape }) => sum + sizeOf(shape) * (dtype === 'bool' ? 1 : 4), 0);
}
