// @ts-check
import { loadSampler } from '@generatrix/node';
import { Router } from 'express';

/**
 * A router that answers `GET /?count=4&seed=42` with samples of a bundle, as JSON.
 * @param {string} bundle folder of the bundle
 * @returns {Promise<{ router: import('express').Router, release: () => Promise<void> }>}
 */
export async function samples(bundle) {
  const sampler = await loadSampler(bundle, { device: 'cpu' });
  const router = Router();
  router.get('/', async (request, response) => {
    const count = Number(request.query.count ?? 1);
    const seed = Number(request.query.seed ?? 0);
    if (!Number.isInteger(count) || count < 1 || count > 64 || !Number.isSafeInteger(seed) || seed < 0) {
      response.status(400).json({ error: 'expected count of 1 to 64 and seed, a whole number from 0' });
      return;
    }
    const { data } = await sampler.sample({ count, seed });
    response.json({ seed, shape: data.shape, values: Array.from(data.data, Number) });
  });
  return { router, release: () => sampler.release() };
}
