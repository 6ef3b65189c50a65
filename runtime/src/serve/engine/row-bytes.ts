import type { ProgramEntry } from '../../bundle/manifest.ts';
import { sizeOf } from '../../program/tensor.ts';

/** Bytes of one row of everything that a program takes and returns. */
export function rowBytes({ inputs, outputs }: Pick<ProgramEntry, 'inputs' | 'outputs'>): number {
  const ports = [...Object.values(inputs).filter(({ role }) => role !== 'scalar'), ...Object.values(outputs)];
  return ports.reduce((sum, { dtype, shape }) => sum + sizeOf(shape) * (dtype === 'bool' ? 1 : 4), 0);
}
