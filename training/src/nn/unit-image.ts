import type { DataSpec } from '@generatrix/runtime/core';

/** Whether values are pixels in [0, 1], which a sigmoid output fits and which can be taken for probabilities. */
export function isUnitImage(spec: DataSpec): boolean {
  return spec.kind === 'image' && spec.range[0] === 0 && spec.range[1] === 1;
}

/** Why a model of binary units cannot model this data, in one line, or null when it can. */
export function refusesBinary(spec: DataSpec): string | null {
  return isUnitImage(spec) ? null : 'models binary data: it needs images with values in [0, 1]';
}
