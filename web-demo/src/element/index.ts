/** The library for page authors: importing it defines `<generatrix-sampler>`. */
import type { SamplerEvents } from './events.ts';
import { GeneratrixSampler } from './sampler-element.ts';

export { keepOffline } from '../offline/keep-offline.ts';
export { type LoadOptions, loadSampler, type RemoteSampler } from '../worker/remote-sampler.ts';
export type { SamplerEvents };
export { GeneratrixSampler };

if (globalThis.customElements?.get('generatrix-sampler') === undefined) {
  globalThis.customElements?.define('generatrix-sampler', GeneratrixSampler);
}

declare global {
  interface HTMLElementTagNameMap {
    'generatrix-sampler': GeneratrixSampler;
  }
  interface HTMLElementEventMap extends SamplerEvents {}
}
