/**
 * How a page learns that a worker died without a word, as one does that the system takes the memory of: the worker
 * holds a lock for as long as it lives, and the page waits for that lock.
 */

/** What a worker says first. */
export interface SignOfLife {
  readonly kind: 'alive';
  /** The lock that it holds; empty where this browser, or a page that is not served over HTTPS, has no locks. */
  readonly lock: string;
}

/** For the worker: takes the lock, and then tells the page. */
export function tellLife(tell: (message: SignOfLife) => void): void {
  const locks = locksHere();
  const lock = `generatrix-worker-${Math.random()}`;
  const hold = () =>
    new Promise<never>(() => {
      tell({ kind: 'alive', lock });
    });
  if (locks === undefined) tell({ kind: 'alive', lock: '' });
  else locks.request(lock, hold).catch(() => tell({ kind: 'alive', lock: '' }));
}

/** Longest that a worker may take to say that it lives, in milliseconds: its script has to be fetched first. */
const startLimit = 60_000;

/** A watch over a worker, by the one who started it. */
export interface LifeWatch {
  /** To be called with what the worker says first. */
  heard(sign: SignOfLife): void;
  /** The worker was ended on purpose: its death is no news. */
  end(): void;
}

/**
 * Watches a worker that was just started.
 * @param died called once, when it has died or never began, with a line that says which
 */
export function watchLife(died: (reason: string) => void): LifeWatch {
  const ended = new AbortController();
  const tell = (reason: string) => {
    if (ended.signal.aborted) return;
    end();
    died(reason);
  };
  const late = setTimeout(() => tell(`it did not start within ${startLimit / 1000} s`), startLimit);
  const end = () => {
    clearTimeout(late);
    ended.abort();
  };
  return {
    heard({ lock }) {
      clearTimeout(late);
      if (lock === '' || ended.signal.aborted) return;
      locksHere()
        ?.request(lock, { signal: ended.signal }, async () => tell('it died, perhaps for want of memory'))
        .catch(() => undefined); // ended on purpose
    },
    end,
  };
}

/** Nothing where there are none: in Node before 24, and in pages that are not served over HTTPS. */
function locksHere(): LockManager | undefined {
  return typeof navigator === 'undefined' ? undefined : (navigator as Partial<Navigator>).locks;
}
