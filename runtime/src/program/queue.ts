/** Runs tasks one after the other, in the order they were handed in. */
export type Queue = <T>(task: () => Promise<T>) => Promise<T>;

/** A queue of its own. A task that fails rejects its own promise only: the next one runs all the same. */
export function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.catch(() => undefined);
    return result;
  };
}
