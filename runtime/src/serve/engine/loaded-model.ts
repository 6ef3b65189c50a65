import { performance } from 'node:perf_hooks';
import type { Manifest } from '../../bundle/manifest-schema.ts';
import { rowBytes } from './accept.ts';
import type { ServedModel } from './engine.ts';
import { Health } from './health.ts';
import type { ModelLimits } from './limits.ts';
import type { InspectedBundle, SharedProgram } from './messages.ts';

/**
 * Memory that one run's inputs and outputs may take, bytes: programs with large rows get smaller batches. The server
 * copies a batch into the answers of its requests in one go, which for this much takes some 20 ms.
 */
const largestBatch = 2 ** 24;

/** One bundle as it was when it was loaded. A changed bundle is another model; both are kept until the old one is idle. */
export class LoadedModel implements ServedModel {
  /** What workers call it. */
  readonly id: number;
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  readonly manifest: Manifest;
  readonly digest: string;
  readonly programs: Readonly<Record<string, SharedProgram>>;
  readonly loadedAt = new Date();
  readonly health = new Health();
  phase: 'loading' | 'ready' | 'draining' = 'loading';
  /** Requests that were accepted and not answered. */
  open = 0;
  readonly limits: ModelLimits;
  /** Called when the last of them is answered. */
  onIdle: (() => void) | null = null;

  constructor(
    id: number,
    { name, version, folder }: Pick<ServedModel, 'name' | 'version' | 'folder'>,
    inspected: InspectedBundle,
    limits: ModelLimits,
  ) {
    this.id = id;
    this.name = name;
    this.version = version;
    this.folder = folder;
    this.manifest = inspected.manifest;
    this.digest = inspected.digest;
    this.programs = inspected.programs;
    this.limits = limits;
  }

  /** Rows that one run of a program may have. */
  batchLimit(program: string): number {
    const bytes = Math.max(1, rowBytes(this.manifest.programs[program]!));
    return Math.max(1, Math.min(this.limits.maxBatch, Math.floor(largestBatch / bytes)));
  }

  get state(): ServedModel['state'] {
    return this.phase === 'ready' && this.health.restsFor(performance.now()) > 0 ? 'unhealthy' : this.phase;
  }

  enter(): void {
    this.open++;
  }

  leave(): void {
    this.open--;
    if (this.open === 0) this.onIdle?.();
  }
}
