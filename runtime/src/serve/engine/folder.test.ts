import { expect, test } from 'vitest';
import { modelFolder, points } from '../../testing/serving-engine.ts';
import { readModelFolder } from './folder.ts';

test('a name of any characters is refused in a line that holds no control character', async () => {
  const folder = await modelFolder({ 'a\nb\u001b[31m\u202ec': points(), good: points() });
  const { found, refused } = await readModelFolder(folder);
  expect(found.map(({ name }) => name)).toEqual(['good']);
  const name = 'a\\u{a}b\\u{1b}[31m\\u{202e}c';
  const reason = `model ${name}: its folder's name is not of letters, digits, '_', '.' and '-'`;
  expect(refused).toEqual([{ name, version: '1', reason }]);
});
