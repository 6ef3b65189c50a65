import type { Place } from './place.ts';

const files: Record<string, string> = {};

/**
 * In the package: files beside the library's own. Each stands in the form that bundlers know, `new URL(file,
 * import.meta.url)`, so that they take it along; an entry point names those it needs.
 */
export const place: Place = {
  worker: new URL('./files/generatrix-worker.js', import.meta.url).href,
  engine: { files },
};

/** Adds files of onnxruntime, by their names. */
export function addEngine(more: Readonly<Record<string, string>>): void {
  Object.assign(files, more);
}
