import type { DataSpec } from '@generatrix/runtime/core';

/** Whether values are pixels in [0, 1], which a sigmoid output fits and which can be taken for probabilities. */
export function isUnitImage(spec: DataSpec): boolean {
  return spec.kind === 'image' && spec.range[0] === 0 && spec.range[1] === 1;
}
