import { expect, test } from 'vitest';
import { descriptionOf } from './description.ts';
import { leafOf, leavesOf, taxonomyFor } from './taxonomy.ts';

test.each<[path: string[], way: string]>([
  [['explicit density', 'tractable', 'flow'], 'Explicit density › Tractable › Change of variables'],
  [['implicit density', 'direct', 'moment matching'], 'Implicit density › Sampling › Direct'],
  [['Implicit density', 'Markov chain'], 'Implicit density › Sampling › Markov chain'],
  [['explicit density', 'approximate', 'diffusion'], 'Explicit density › Approximate › Diffusion'],
  [['no density', 'autoencoder'], 'No density: the ancestor'],
  [['something else'], 'Other models'],
  [['explicit density'], 'Other models'],
  [[], 'Other models'],
])('%s is found at %s', (path, way) => {
  const taxonomy = taxonomyFor([path]);
  const leaf = leafOf(taxonomy, path);
  expect(leavesOf(taxonomy).find((each) => each.leaf === leaf)?.way).toBe(way);
});

test('a path that several families share makes one leaf', () => {
  const path = ['explicit density', 'approximate', 'diffusion'];
  const ways = leavesOf(taxonomyFor([path, [...path, 'latent']])).map(({ way }) => way);
  expect(ways.filter((way) => way.endsWith('Diffusion'))).toHaveLength(1);
});

test('a bundle that says nothing of its family is called by its name', () => {
  expect(descriptionOf({ family: 'vae' })).toEqual({ title: 'vae', taxonomy: [], equation: '', sources: [] });
  const broken = { title: 3, taxonomy: 'flow', equation: null, sources: [1, 'a'] } as unknown as undefined;
  expect(descriptionOf({ family: 'vae', description: broken })).toEqual({
    title: 'vae',
    taxonomy: [],
    equation: '',
    sources: ['a'],
  });
});
