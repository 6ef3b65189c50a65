import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { rewiredBinding } from './onnxruntime-packages.ts';

test('one line of onnxruntime-node is another: the one that finds the binary', () => {
  const script = readFileSync(
    createRequire(import.meta.url).resolve('onnxruntime-node/dist/binding.js'),
    'utf8',
  );
  const [before, after] = [script.split('\n'), rewiredBinding(script).split('\n')];
  expect(after.filter((line, i) => line !== before[i])).toEqual([
    `require(\`@generatrix/onnxruntime-node-\${process.platform}-\${process.arch}\`);`,
  ]);
  expect(() => rewiredBinding('require("elsewhere")')).toThrow(/no longer has the line/);
});
