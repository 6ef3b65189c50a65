import { tf } from '@generatrix/export';
import { beforeAll, it } from 'vitest';
import { expectModule } from '../testing/module-check.ts';
import { embedding, learnedPositions } from './embedding.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('gives every index its row, and the gradient of a row to all that asked for it', () => {
  const index = [2, 0, 2, 1, 2, 0];
  return expectModule({
    module: embedding('e', 4, 3),
    shape: [2, 3],
    index,
    reference: ({ state }) => index.flatMap((i) => state['e/table']!.slice(3 * i, 3 * i + 3)),
  });
});

it('adds the same positions to every example', () =>
  expectModule({
    module: learnedPositions('p', [3, 2]),
    shape: [2, 3, 2],
    reference: ({ x, state }) => x.map((value, i) => value + state['p/positions']![i % 6]!),
  }));
