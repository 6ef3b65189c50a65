import { afterEach, expect, it, vi } from 'vitest';
import { chooseAndRemember } from '../worker/remembered-device.ts';
import { isKept } from './bundle-files.ts';
import { contentKey } from './stores.ts';

afterEach(() => vi.unstubAllGlobals());

const sha256 = 'a'.repeat(64);

it('keys are addresses of the page; where it has no origin they are addresses all the same', () => {
  vi.stubGlobal('location', new URL('https://example.org/pages/model.html'));
  expect(contentKey(sha256)).toBe(`https://example.org/generatrix-content/${sha256}`);
  vi.stubGlobal('location', new URL('data:text/html,')); // its origin is 'null', as that of a sandboxed frame
  expect(contentKey(sha256)).toBe(`https://localhost/generatrix-content/${sha256}`);
});

it('a page without an origin, whose caches cannot be opened, keeps nothing and chooses a device', async () => {
  vi.stubGlobal('location', new URL('data:text/html,'));
  vi.stubGlobal('navigator', {});
  const refuse = () => Promise.reject(new DOMException('no storage here', 'SecurityError'));
  vi.stubGlobal('caches', { open: refuse, keys: refuse });
  expect(await isKept(sha256)).toBe(false);
  let now = 0; // milliseconds, which only drawing moves
  vi.stubGlobal('performance', { now: () => now });
  const { signal } = new AbortController();
  const found = await chooseAndRemember(
    {
      open: async (device) => device,
      batch: async (device) => {
        now += device === 'wasm' ? 60 : 20;
      },
      close: async () => undefined,
    },
    sha256,
    signal,
  );
  expect(found).toMatchObject({ choice: { device: 'webgpu', compared: true } });
});
