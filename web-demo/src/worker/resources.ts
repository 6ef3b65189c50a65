/** Told which files the worker has fetched: what a page needs to know to keep them. */
type Listener = (urls: readonly string[]) => void;

const listeners = new Set<Listener>();
let known: readonly string[] = [];

/** Calls back with the worker's files as far as they are known, and whenever there are more. */
export function onResources(listener: Listener): void {
  listeners.add(listener);
  if (known.length > 0) listener(known);
}

/** For the link to the worker: what the worker says it has fetched. */
export function tellResources(urls: readonly string[]): void {
  known = [...new Set([...known, ...urls])];
  for (const listener of listeners) listener(known);
}
