import { UserError } from '@generatrix/runtime/core';
import type { Dataset } from './dataset.ts';

type Part = Pick<Dataset, 'name' | 'split' | 'spec' | 'size' | 'labels' | 'classNames'>;

/**
 * Parts that come from files of their own may differ from the training part: images of another size, classes that were
 * not trained. Found here, before anything is computed with them.
 * @throws UserError when a part has examples of another kind, shape or range, or a class that the training part lacks.
 */
export function checkPartsAgree(train: Part, ...others: readonly Part[]): void {
  for (const other of others) {
    if (other.size === 0) continue;
    if (form(other) !== form(train)) {
      throw new UserError(
        `--data ${train.name}: expected the ${other.split} part to hold ${form(train)} as the training part does, ` +
          `found ${form(other)}; take both parts from the same set`,
      );
    }
    if (other.labels === null || train.labels === null) continue;
    const at = other.labels.findIndex((label) => other.classNames[label] !== train.classNames[label]);
    if (at < 0) continue;
    throw new UserError(
      `--data ${train.name}: expected the classes of the training part (${train.classNames.length}) in the ${other.split} ` +
        `part, found class ${other.classNames[other.labels[at]!]} at example ${at}; take both parts from the same set, ` +
        'or remove the examples of other classes',
    );
  }
}

function form({ spec }: Part): string {
  const range = 'range' in spec ? ` in [${spec.range.join(', ')}]` : '';
  return `${spec.kind} of shape ${spec.shape.join('x')}${range}`;
}
