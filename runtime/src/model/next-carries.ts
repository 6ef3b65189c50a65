import { nextOf, type ProgramSignature } from '../program/program.ts';
import type { HostTensor } from '../program/tensor.ts';

/** What an `advance` program returned, as the carries of the next call. */
export function nextCarries(
  { inputs }: Pick<ProgramSignature, 'inputs'>,
  outputs: Readonly<Record<string, HostTensor>>,
): Record<string, HostTensor> {
  const names = Object.keys(inputs).filter((name) => inputs[name]!.role === 'carry');
  return Object.fromEntries(names.map((name) => [name, outputs[nextOf(name)]!]));
}
