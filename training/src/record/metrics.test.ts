import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { openMetrics, readMetrics } from './metrics.ts';

const row = (step: number, loss = step / 2) => ({ step, seconds: step / 10, metrics: { loss } });

async function written(...steps: number[]): Promise<string> {
  const path = join(await folderOf({}), 'metrics.jsonl');
  const log = await openMetrics(path, { resumeAfter: 0 });
  for (const step of steps) log.append(row(step));
  await log.close();
  return path;
}

test('one line per report, readable at once, before the file is closed', async () => {
  const path = join(await folderOf({}), 'metrics.jsonl');
  const log = await openMetrics(path, { resumeAfter: 0 });
  log.append(row(10));
  log.append({ step: 20, seconds: 2.00049, metrics: { loss: Number.NaN, 'heldOut/logProb': -3 } });
  expect(await readFile(path, 'utf8')).toBe(
    '{"step":10,"seconds":1,"metrics":{"loss":5}}\n' +
      '{"step":20,"seconds":2,"metrics":{"loss":null,"heldOut/logProb":-3}}\n',
  );
  expect((await readMetrics(path))[1]?.metrics).toEqual({ loss: Number.NaN, 'heldOut/logProb': -3 });
  expect(log.seconds).toBe(2.00049);
  await log.close();
});

test('resuming drops the steps that will be done again, and goes on', async () => {
  const path = await written(10, 20, 20, 30, 40);
  await appendFile(path, '{"step":50,"sec');
  const log = await openMetrics(path, { resumeAfter: 20 });
  expect(log.seconds).toBe(2);
  log.append(row(30));
  await log.close();
  expect((await readMetrics(path)).map(({ step }) => step)).toEqual([10, 20, 20, 30]);
});

test('a run from step 0 starts an empty file', async () => {
  const path = await written(0, 10);
  await (await openMetrics(path, { resumeAfter: 0 })).close();
  expect(await readFile(path, 'utf8')).toBe('');
});

test.each([
  ['cut in the middle', '{"step":30,"seco'],
  ['cut before its newline', '{"step":30,"seconds":3,"metrics":{}}'],
  ['blocks that were never written', `${'\0'.repeat(64)}\n`],
])('a torn last line is passed over: %s', async (_, tail) => {
  const path = await written(10, 20);
  await appendFile(path, tail);
  expect((await readMetrics(path)).map(({ step }) => step)).toEqual([10, 20]);
});

test('no file gives no rows; a broken line elsewhere is named', async () => {
  const path = await written(10, 20);
  expect(await readMetrics(`${path}.none`)).toEqual([]);
  await writeFile(path, `${await readFile(path, 'utf8')}oops\n{"step":30,"seconds":3,"metrics":{}}\n`);
  await expectUserError(readMetrics(path), 'metrics.jsonl, line 3', 'oops');
  await writeFile(path, '{"step":-1,"seconds":0,"metrics":{}}\n{"step":1,"seconds":0,"metrics":{}}\n');
  await expectUserError(readMetrics(path), 'line 1');
});
