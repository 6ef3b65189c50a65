import { createProgress } from './progress.ts';

/** What a chain tells of its steps: those taken, and their number in all. */
type OnSteps = (done: number, of: number) => void;

/**
 * Shows how far the steps of a chain are.
 * @param patience milliseconds in which nothing is shown: most samples are there by then
 */
export async function withProgress<T>(
  label: string,
  patience: number,
  task: (onSteps: OnSteps) => Promise<T>,
): Promise<T> {
  let progress: ReturnType<typeof createProgress> | undefined;
  const begun = performance.now();
  try {
    return await task((done, of) => {
      if (progress === undefined && performance.now() - begun < patience) return;
      progress ??= createProgress({ total: of, label });
      progress.update(done, {});
    });
  } finally {
    progress?.stop();
  }
}
