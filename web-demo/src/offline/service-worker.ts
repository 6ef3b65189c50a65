/// <reference lib="webworker" />
export {};

/**
 * Lets a page that was visited open again without a network. It only answers: what is kept, the page itself puts
 * there (`keepOffline`). Files whose names change with their contents come from the cache; everything else from the
 * server, and from the cache when the server is out of reach. Models and engines have caches of their own.
 */
declare const self: ServiceWorkerGlobalScope;

/** As in `keep-offline.ts`. Written twice: what the two shared would be a file that this one would have to fetch. */
const pageStore = 'generatrix-page-v1';

/** Names that the build made from the contents. */
const immutable = /\/assets\/[^/]+-[\w-]{8}\.\w+$/;
const kept = /(\/|\.(html|js|mjs|css|svg|json))$/;

self.addEventListener('install', () => void self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const ours = request.method === 'GET' && origin === self.location.origin && kept.test(pathname);
  if (!ours || pathname.endsWith('/model.json')) return;
  event.respondWith(immutable.test(pathname) ? cacheFirst(request) : networkFirst(request));
});

async function cacheFirst(request: Request): Promise<Response> {
  const store = await caches.open(pageStore);
  const found = await store.match(request);
  if (found) return found;
  // Parts that are fetched when they are first needed, as by the worker, whose list of files does not name them yet.
  const response = await fetch(request);
  if (response.ok) await store.put(request, response.clone());
  return response;
}

async function networkFirst(request: Request): Promise<Response> {
  const store = await caches.open(pageStore);
  try {
    const response = await fetch(request);
    if (response.ok && (await store.match(request, search))) await store.put(request, response.clone());
    return response;
  } catch (error) {
    const before = await store.match(request, search);
    if (before) return before;
    throw error;
  }
}

/** A page is the same file whatever its query says. */
const search = { ignoreSearch: true } as const;
