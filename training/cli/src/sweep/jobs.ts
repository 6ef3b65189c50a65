/** How a job ended: `skipped` when the queue was stopped before its turn. */
export type JobEnd<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'skipped' };

/**
 * Runs jobs, at most `workers` at a time, in their order. One that fails does not stop the others.
 * @param signal no job is started after it; those that run get it and end as they see fit
 * @returns how each job ended, in the order of the jobs
 */
export async function runJobs<Job, Result>(
  jobs: readonly Job[],
  workers: number,
  run: (job: Job, signal: AbortSignal) => Promise<Result>,
  signal: AbortSignal,
): Promise<JobEnd<Result>[]> {
  const ends: JobEnd<Result>[] = jobs.map(() => ({ kind: 'skipped' }));
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < jobs.length && !signal.aborted) {
      const index = next++;
      ends[index] = await run(jobs[index]!, signal).then(
        (result) => ({ kind: 'done', result }) as const,
        (error: unknown) => ({ kind: 'failed', error }) as const,
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, jobs.length) }, work));
  return ends;
}
