import type { EngineFiles } from '../cache/engine-files.ts';
import { type Place, place } from './place.ts';
import type { Configure } from './protocol.ts';
import { trustedScript } from './trusted-script.ts';

/**
 * Starts the worker and tells it where onnxruntime's files are. A browser starts no worker whose script is of another
 * origin, as on a CDN or in a sandboxed frame, whose origin is none: there a script of the page's own imports it. The other
 * origin must allow that (`Access-Control-Allow-Origin`), and the page's policy `worker-src blob:`, or `data:` in such a
 * frame.
 * @param files where the library's own are
 */
export function startWorker(files: Place = place): Worker {
  const address = absolute(files.worker);
  const { engine } = files;
  const worker = new Worker(trustedScript(startable(address)), { type: 'module' });
  worker.postMessage({ call: 'configure', engine: absoluteFiles(engine) } satisfies Configure);
  return worker;
}

/** Some bundlers give an address without its origin, which means another place in a worker. */
const absolute = (address: string): string => new URL(address, globalThis.document?.baseURI).href;

function absoluteFiles(engine: EngineFiles): EngineFiles {
  if ('folder' in engine) return { folder: absolute(engine.folder) };
  const files = Object.entries(engine.files).map(([name, address]) => [name, absolute(address)]);
  return { files: Object.fromEntries(files) };
}

/** An address of the same script that a worker can be started from. */
function startable(address: string): string {
  const { origin } = new URL(address);
  if (origin === globalThis.origin) return address;
  const script = `import ${JSON.stringify(address)};`;
  // A frame without an origin has no addresses of its own that a worker could be started from.
  if (globalThis.origin === 'null') return `data:text/javascript,${encodeURIComponent(script)}`;
  return URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
}
