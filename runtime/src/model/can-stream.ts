import type { Bundle } from '../bundle/bundle.ts';

/** The program that returns a part of an example at a call. */
export const streamProgram = 'advance';

/** Whether samples of a model can be watched while they are drawn. */
export function canStream(bundle: Pick<Bundle, 'manifest'>): boolean {
  return bundle.manifest.programs[streamProgram]?.stream !== undefined;
}
