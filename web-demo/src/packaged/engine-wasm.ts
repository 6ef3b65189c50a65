import { addEngine } from '../worker/packaged-place.ts';

addEngine({
  'ort.wasm.min.mjs': new URL('./files/ort.wasm.min.mjs', import.meta.url).href,
  'ort-wasm-simd-threaded.mjs': new URL('./files/ort-wasm-simd-threaded.mjs', import.meta.url).href,
  'ort-wasm-simd-threaded.wasm.gz': new URL('./files/ort-wasm-simd-threaded.wasm.gz', import.meta.url).href,
});
