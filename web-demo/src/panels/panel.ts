import { densityOf, type HostTensor, hostTensor, type Manifest } from '@generatrix/runtime/core';
import type { RemoteSampler } from '../worker/remote-sampler.ts';

/** What a panel works with. */
export interface PanelContext {
  readonly sampler: RemoteSampler;
  readonly manifest: Manifest;
  /** The class that is chosen above the panels, as operations take it; nothing for models without classes. */
  readonly condition: () => { readonly label?: number };
  /** Shows what went wrong. */
  readonly fail: (error: unknown) => void;
}

/** One thing that can be done with a model. */
export interface Panel {
  readonly name: string;
  readonly title: string;
  /** Whether the bundle declares what it takes. */
  readonly fits: (manifest: Manifest) => boolean;
  /** Builds the panel when it is first opened. */
  readonly build: (context: PanelContext) => HTMLElement;
}

/** Whether a bundle has all of these programs. */
export function has(manifest: Manifest, ...programs: string[]): boolean {
  return programs.every((program) => Object.hasOwn(manifest.programs, program));
}

/** Whether examples can be scored: exactly, or by a bound. */
export function scores(manifest: Manifest): boolean {
  return densityOf(manifest.programs) !== undefined;
}

/** One example, as often as there are samples: [1, ...shape] to [count, ...shape]. */
export function repeated({ data, shape }: HostTensor, count: number): HostTensor {
  const all = new Float32Array(data.length * count);
  for (let i = 0; i < count; i += 1) all.set(data, i * data.length);
  return hostTensor('float32', [count, ...shape.slice(1)], all);
}

/**
 * Does a task for the latest value only: while one is done, of those that come in the last is kept, so that what is
 * shown follows the hand however slow the device is.
 */
export function latest<T>(
  task: (value: T) => Promise<void>,
  fail: (error: unknown) => void,
): (value: T) => void {
  let waiting: { readonly value: T } | undefined;
  let busy = false;
  const next = async () => {
    if (busy) return;
    busy = true;
    while (waiting) {
      const { value } = waiting;
      waiting = undefined;
      await task(value).catch(fail);
    }
    busy = false;
  };
  return (value) => {
    waiting = { value };
    void next();
  };
}
