/** What the build says of onnxruntime's files: sizes in bytes, as they lie on the server. */
export interface EngineBuild {
  readonly version: string;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly compressed: number }>>;
}

declare const __ENGINE_BUILD__: EngineBuild | undefined;

/** Filled in by the build (see `vite.config.ts`); unit tests run without. */
export const engineBuild: EngineBuild =
  typeof __ENGINE_BUILD__ === 'undefined' ? { version: 'none', files: {} } : __ENGINE_BUILD__;

/** The `.wasm` file that a device runs on in this browser. */
export function engineFile(device: 'wasm' | 'webgpu'): string {
  const build = device === 'wasm' ? '' : 'Suspending' in WebAssembly ? '.jspi' : '.asyncify';
  return `ort-wasm-simd-threaded${build}.wasm`;
}

/** Bytes of the engine for a device, compressed, as it is fetched; 0 when unknown. */
export function engineBytes(device: 'wasm' | 'webgpu'): number {
  return engineBuild.files[engineFile(device)]?.compressed ?? 0;
}
