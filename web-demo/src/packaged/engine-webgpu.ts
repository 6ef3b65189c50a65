import { addEngine } from '../worker/packaged-place.ts';

addEngine({
  'ort.jspi.min.mjs': new URL('./files/ort.jspi.min.mjs', import.meta.url).href,
  'ort-wasm-simd-threaded.jspi.mjs': new URL('./files/ort-wasm-simd-threaded.jspi.mjs', import.meta.url).href,
  'ort-wasm-simd-threaded.jspi.wasm.gz': new URL(
    './files/ort-wasm-simd-threaded.jspi.wasm.gz',
    import.meta.url,
  ).href,
  'ort.webgpu.min.mjs': new URL('./files/ort.webgpu.min.mjs', import.meta.url).href,
  'ort-wasm-simd-threaded.asyncify.mjs': new URL(
    './files/ort-wasm-simd-threaded.asyncify.mjs',
    import.meta.url,
  ).href,
  'ort-wasm-simd-threaded.asyncify.wasm.gz': new URL(
    './files/ort-wasm-simd-threaded.asyncify.wasm.gz',
    import.meta.url,
  ).href,
});
