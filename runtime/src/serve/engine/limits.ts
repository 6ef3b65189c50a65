import { UserError } from '../../errors.ts';

/** What requests to one model may take. */
export interface ModelLimits {
  /** Rows in one request. */
  readonly maxCount: number;
  /** Rows in one run of a program. */
  readonly maxBatch: number;
  /** How long an incomplete batch may wait for more rows while all workers are busy, milliseconds. */
  readonly maxWaitMs: number;
  /** Rows of the model that may wait; over all models, no more than the server's limit do. */
  readonly queueLimit: number;
  /** For one request, milliseconds. */
  readonly timeoutMs: number;
  /** Workers that have the model; others never load it. */
  readonly workers: number;
  /** While requests to a model of higher priority wait, those of lower priority get no worker. */
  readonly priority: number;
}

/** Limits of single models, by name; what is left out is as for all. */
export type ModelSettings = Readonly<
  Record<string, { readonly [K in keyof ModelLimits]?: ModelLimits[K] | undefined }>
>;

/** Limits of all models, and those that single models have instead. */
export interface LimitOptions extends Omit<ModelLimits, 'priority'> {
  readonly modelSettings?: ModelSettings | undefined;
}

/** The limits of each model. */
export class LimitTable {
  /** Of models without settings of their own. */
  readonly standard: ModelLimits;
  /** Of models that have some. */
  readonly own: ReadonlyMap<string, ModelLimits>;
  readonly #slots = new Map<string, ReadonlySet<number>>();

  /** @throws UserError when a model is given more than there is for all. */
  constructor({ modelSettings = {}, ...options }: LimitOptions) {
    const { maxCount, maxBatch, maxWaitMs, queueLimit, timeoutMs, workers } = options;
    this.standard = { maxCount, maxBatch, maxWaitMs, queueLimit, timeoutMs, workers, priority: 0 };
    const own = new Map<string, ModelLimits>();
    let next = 0;
    for (const [name, settings] of Object.entries(modelSettings).sort(([a], [b]) => (a < b ? -1 : 1))) {
      const given = Object.entries(settings).filter(([, value]) => value !== undefined);
      const limits = { ...this.standard, ...(Object.fromEntries(given) as Partial<ModelLimits>) };
      checkWithin(name, 'workers', limits.workers, workers);
      checkWithin(name, 'queueLimit', limits.queueLimit, queueLimit);
      own.set(name, limits);
      if (limits.workers === workers) continue;
      // One model after the other, so that each worker has about as many of them.
      this.#slots.set(name, new Set(Array.from({ length: limits.workers }, (_, i) => (next + i) % workers)));
      next += limits.workers;
    }
    this.own = own;
  }

  of(name: string): ModelLimits {
    return this.own.get(name) ?? this.standard;
  }

  /** Whether a worker may have a model. @param slot its index */
  runsIn(name: string, slot: number): boolean {
    return this.#slots.get(name)?.has(slot) ?? true;
  }

  /** The largest value of a limit over all models. */
  most(limit: keyof ModelLimits): number {
    return Math.max(this.standard[limit], ...[...this.own.values()].map((limits) => limits[limit]));
  }
}

function checkWithin(name: string, limit: 'workers' | 'queueLimit', value: number, most: number): void {
  if (value <= most) return;
  throw new UserError(
    `modelSettings.${name}.${limit}: expected at most ${most}, the ${limit} of the server, got ${value}`,
  );
}
