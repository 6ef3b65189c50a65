/** A thumbnail as the conductor sees it. */
export interface Performer {
  /** Whether it is in sight. */
  readonly seen: boolean;
  /** When it was last given something new, in milliseconds as `performance.now()` says; nothing before the first time. */
  readonly renewed: number | undefined;
  /** Runs its model; it shows what goes wrong, and does not throw. */
  perform(): Promise<void>;
}

/** Milliseconds after which a thumbnail that plays may be given something new. */
const shelfLife = 9000;
/** Least rest between two models, in milliseconds, and as a share of the time that the last one took. */
const leastRest = 60;
const restShare = 0.5;

/**
 * Lets models run one at a time: first those in sight that have not run yet, in the order of the page, then whichever
 * has waited longest; and rests between two, so that the page and the machine stay free.
 */
export interface Conductor {
  /** Begins, or goes on. */
  start(): void;
  pause(): void;
  /** Something came in sight. */
  look(): void;
  /** Runs one before all others. */
  now(performer: Performer): void;
  readonly running: boolean;
}

/**
 * @param renews whether models run again after a while, or once each
 * @param clock what tells the time and waits: the browser's, or a test's
 */
export function makeConductor(
  performers: readonly Performer[],
  renews: () => boolean,
  clock: { now(): number; wait(ms: number): Promise<void> } = {
    now: () => performance.now(),
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  },
): Conductor {
  let running = false;
  let busy = false;
  const wanted = new Set<Performer>();

  const next = (): Performer | undefined => {
    const [first] = wanted;
    if (first) {
      wanted.delete(first);
      return first;
    }
    if (!running) return undefined;
    const inSight = performers.filter(({ seen }) => seen);
    const fresh = inSight.find(({ renewed }) => renewed === undefined);
    if (fresh || !renews()) return fresh;
    const age = ({ renewed = 0 }: Performer) => clock.now() - renewed;
    const oldest = inSight.toSorted((a, b) => age(b) - age(a))[0];
    return oldest && age(oldest) >= shelfLife ? oldest : undefined;
  };
  const go = async () => {
    if (busy) return;
    busy = true;
    for (let performer = next(); performer; performer = next()) {
      const begun = clock.now();
      await performer.perform();
      await clock.wait(Math.max(leastRest, (clock.now() - begun) * restShare));
    }
    busy = false;
  };
  return {
    get running() {
      return running;
    },
    start() {
      running = true;
      void go();
    },
    pause() {
      running = false;
    },
    look() {
      if (running) void go();
    },
    now(performer) {
      wanted.add(performer);
      void go();
    },
  };
}
