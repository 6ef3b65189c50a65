import { onResources } from '../worker/resources.ts';
import { trustedScript } from '../worker/trusted-script.ts';

/** As in `service-worker.ts`. */
const pageStore = 'generatrix-page-v1';

let started: Promise<void> | undefined;

/**
 * Makes the page open again without a network: registers the service worker and keeps the files that the page and
 * its worker have used. The service worker must lie in the page's folder, or above: browsers let it answer for pages
 * below it only. Where there are no service workers nothing happens.
 * @param serviceWorker address of `generatrix-offline.js`, absolute or relative to the page
 */
export function keepOffline(serviceWorker: string): Promise<void> {
  started ??= start(serviceWorker).catch(() => undefined); // a page that cannot be kept is a page all the same
  return started;
}

async function start(serviceWorker: string): Promise<void> {
  if (!('serviceWorker' in navigator) || !('caches' in globalThis)) return;
  await navigator.serviceWorker.register(trustedScript(new URL(serviceWorker, document.baseURI).href));
  const own = () => [location.origin + location.pathname, ...resources()];
  if (document.readyState !== 'complete') {
    await new Promise((resolve) => addEventListener('load', resolve, { once: true }));
  }
  await keepAll(own());
  onResources((urls) => void keepAll([...own(), ...urls]));
}

const resources = () => performance.getEntriesByType('resource').map(({ name }) => name);

/** Whatever a page is made of; models, engines and their pictures are kept elsewhere. */
const wanted = /(\/|\.(html|js|mjs|css|svg|json))$/;

async function keepAll(urls: readonly string[]): Promise<void> {
  const store = await caches.open(pageStore);
  for (const url of new Set(urls)) {
    const { origin, pathname } = new URL(url);
    if (origin !== location.origin || !wanted.test(pathname) || pathname.endsWith('/model.json')) continue;
    if (!(await store.match(url))) await store.add(url).catch(() => undefined);
  }
}
