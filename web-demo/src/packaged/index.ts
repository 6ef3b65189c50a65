/** The library as a package: importing it defines `<generatrix-sampler>`, on WebGPU or WASM as the visitor's browser has it. */
import './engine-wasm.ts';
import './engine-webgpu.ts';

export * from '../element/index.ts';
