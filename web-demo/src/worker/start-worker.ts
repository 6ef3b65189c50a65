import { place } from './place.ts';
import type { Configure } from './protocol.ts';
import { trustedScript } from './trusted-script.ts';

/**
 * Starts the worker and tells it where onnxruntime's files are. A browser starts no worker whose script is of another
 * origin, as on a CDN or in a sandboxed frame, whose origin is none: there a script of the page's own imports it. The other
 * origin must allow that (`Access-Control-Allow-Origin`), and the page's policy `worker-src blob:`, or `data:` in such a
 * frame.
 */
export function startWorker(): Worker {
  const { worker: address, engine } = place;
  const worker = new Worker(trustedScript(startable(address)), { type: 'module' });
  worker.postMessage({ call: 'configure', engine } satisfies Configure);
  return worker;
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
