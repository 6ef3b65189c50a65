/** The library for page authors: importing it defines `<generatrix-sampler>`. */
import { GeneratrixSampler } from './sampler-element.ts';

export { keepOffline } from '../offline/keep-offline.ts';
export { type LoadOptions, loadSampler, type RemoteSampler } from '../worker/remote-sampler.ts';
export { GeneratrixSampler };

if (!customElements.get('generatrix-sampler')) customElements.define('generatrix-sampler', GeneratrixSampler);

declare global {
  interface HTMLElementTagNameMap {
    'generatrix-sampler': GeneratrixSampler;
  }
}
