import { afterEach, expect, test, vi } from 'vitest';
import { digestHex } from './digest.ts';

afterEach(() => vi.unstubAllGlobals());

/** FIPS 180-2, appendix B.1. */
const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

test.each(['with', 'without'])('the digest of the standard, %s the platform', async (platform) => {
  if (platform === 'without') vi.stubGlobal('crypto', {});
  expect(await digestHex(new TextEncoder().encode('abc'))).toBe(abc);
});
