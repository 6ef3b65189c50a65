/** As `index.ts`, on WASM alone: a page's build takes 3.7 MB of engine along and not 14.4. */
import './engine-wasm.ts';

export * from '../element/index.ts';
