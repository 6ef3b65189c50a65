import type { Device, HostTensor } from '@generatrix/runtime/core';
import type { RemoteSampler } from '../worker/remote-sampler.ts';

/** The events of `<generatrix-sampler>`; they bubble and cross shadow trees. */
export interface SamplerEvents {
  /** The model is loaded: what it is, and what it runs on. */
  'generatrix-load': CustomEvent<
    Pick<RemoteSampler, 'manifest' | 'device' | 'deviceReports' | 'loadMs' | 'downloadBytes'>
  >;
  /** Bytes of the model and the engine together. */
  'generatrix-progress': CustomEvent<{
    readonly phase: 'load';
    readonly received: number;
    readonly total: number;
  }>;
  'generatrix-sample': CustomEvent<{
    readonly data: HostTensor;
    readonly seed: number;
    readonly count: number;
    readonly sampleMs: number;
    readonly device: Device;
  }>;
  /** What went wrong, in one line, which the element also shows. */
  'generatrix-error': CustomEvent<{ readonly message: string }>;
}
