import { afterEach, expect, it, vi } from 'vitest';
import { browserParity } from './site-parity.ts';

afterEach(() => vi.unstubAllEnvs());

it('a browser that does not start is no browser: one line says so, before a site is built', async () => {
  vi.stubEnv('CHROMIUM_PATH', '/bin/false');
  expect(await browserParity('/nowhere', 'wasm')).toMatch(/^\/bin\/false does not start: [^\n]+$/);
});
