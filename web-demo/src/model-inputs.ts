import { type Manifest, samplingInputs } from '@generatrix/runtime/core';

/**
 * Classes that a model takes, 0 for one that takes none: those of its sampling program, or of its first where it draws
 * no samples. A mixture's components, which only one of its programs takes, are no classes.
 */
export function labelClasses({ programs }: Pick<Manifest, 'programs'>): number {
  const inputs = samplingInputs(programs) ?? Object.values(programs)[0]?.inputs ?? {};
  const label = Object.values(inputs).find(({ role }) => role === 'label');
  return label?.role === 'label' ? label.classes : 0;
}
