import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Place } from './place.ts';
import type { Configure } from './protocol.ts';
import { startWorker } from './start-worker.ts';

/** Notes what a worker is started from and told first. */
class FakeWorker {
  static address = '';
  static told: Configure | undefined;
  constructor(address: string) {
    FakeWorker.address = address;
  }
  postMessage(message: Configure): void {
    FakeWorker.told = message;
  }
}

beforeEach(() => {
  vi.stubGlobal('Worker', FakeWorker);
  vi.stubGlobal('document', { baseURI: 'https://page.example/deep/page.html' });
});
afterEach(() => vi.unstubAllGlobals());

function started(origin: string, place: Place): string {
  vi.stubGlobal('origin', origin);
  startWorker(place);
  return FakeWorker.address;
}

const own = { worker: '/files/worker.js', engine: { files: { 'a.mjs': '/files/a.mjs' } } };
const elsewhere = { worker: 'https://cdn.example/worker.js', engine: { folder: 'https://cdn.example/ort/' } };

test('a script of the page is started by its address, which bundlers may give without an origin', () => {
  expect(started('https://page.example', own)).toBe('https://page.example/files/worker.js');
  expect(FakeWorker.told).toEqual({
    call: 'configure',
    engine: { files: { 'a.mjs': 'https://page.example/files/a.mjs' } },
  });
});

test('a script of another origin is imported by one of the page', async () => {
  const address = started('https://page.example', elsewhere);
  expect(address).toMatch(/^blob:/);
  expect(await (await fetch(address)).text()).toBe('import "https://cdn.example/worker.js";');
  expect(FakeWorker.told).toEqual({ call: 'configure', engine: elsewhere.engine });
});

test('in a frame without an origin, by a script that has no address', () => {
  expect(decodeURIComponent(started('null', elsewhere))).toBe(
    'data:text/javascript,import "https://cdn.example/worker.js";',
  );
});

test('where the page wants trusted addresses, they come from its policy', () => {
  const trusted: string[] = [];
  const createScriptURL = (address: string) => {
    trusted.push(address);
    return address;
  };
  vi.stubGlobal('trustedTypes', {
    createPolicy: (name: string) => (name === 'generatrix' ? { createScriptURL } : {}),
  });
  started('https://page.example', own);
  expect(trusted).toEqual(['https://page.example/files/worker.js']);
});
