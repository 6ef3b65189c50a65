import type { Split } from './dataset.ts';

/**
 * The split that a path names in a word of its own: `train-0001.tar`, `val/0001.tar`, `cifar_test.parquet`,
 * `data-validation-00000-of-00002.parquet`; null when it names none. The last such word counts.
 */
export function splitInName(path: string): Split | null {
  const words = path.toLowerCase().split(/[^a-z]+/);
  const found = words.findLast((word) => Object.hasOwn(splitWords, word));
  return found === undefined ? null : splitWords[found as keyof typeof splitWords];
}

const splitWords = {
  train: 'train',
  training: 'train',
  val: 'validation',
  valid: 'validation',
  validation: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
} as const satisfies Record<string, Split>;
