import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { type MetricsLine, readMetrics } from '../record/metrics.ts';
import { parseSettings } from '../record/settings.ts';
import { folderOf } from '../testing/test-support.ts';
import { readEvent } from './event.ts';
import { decodeRecords } from './record-file.ts';
import { Recording } from './recording.ts';

const settings = parseSettings(
  {
    family: 'vae',
    options: {},
    data: { name: 'digits8' },
    seed: 1,
    steps: 40,
    batchSize: 8,
    learningRate: 1e-3,
    engine: 'onnx',
    device: 'cpu',
    reportEvery: 10,
    evaluateEvery: 20,
    checkpointEvery: 20,
  },
  'test',
);
const hostile = 'loss, "as they say"';

async function open(folder: string, resumeAfter: number): Promise<Recording> {
  return Recording.open({ folder, settings, resumeAfter, say: () => {} });
}

const line = (step: number, metrics: Record<string, number>): MetricsLine => ({
  step,
  seconds: step / 8,
  metrics,
});

/** A run that is killed after step 30 and goes on from step 20, as the disk has it then. */
async function resumedRun(): Promise<string> {
  const folder = await folderOf({});
  await mkdir(join(folder, 'samples'));
  const [picture, sound] = [join(folder, 'samples', '20.png'), join(folder, 'samples', '20.wav')];
  await writeFile(
    picture,
    await sharp({ create: { width: 6, height: 4, channels: 3, background: 'red' } })
      .png()
      .toBuffer(),
  );
  const header = Buffer.alloc(44);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(8000, 24);
  header.writeUInt16LE(2, 32);
  header.writeUInt32LE(8, 40);
  await writeFile(sound, Buffer.concat([header, Buffer.alloc(8)]));
  const first = await open(folder, 0);
  await first.append(line(10, { loss: 4.5 }));
  await first.append(line(20, { loss: Number.NaN, [hostile]: 1 }));
  await first.append(line(20, { 'heldOut/logProb': -80.25 }));
  await first.samples(20, picture);
  await first.samples(20, sound);
  await first.append(line(30, { loss: 99, gone: 1 }));
  // Nothing is closed: a killed run closes nothing, and may leave the last record torn.
  const events = join(folder, 'tensorboard');
  await appendFile(join(events, (await readdir(events))[0]!), 'torn');
  const second = await open(folder, 20);
  await second.append(line(30, { loss: 3 }));
  await second.append(line(40, { loss: 2.5, [hostile]: 0.5 }));
  await second.close({ step: 40, finished: true });
  return folder;
}

test('the table holds what the lines hold, each metric in its column', async () => {
  const folder = await resumedRun();
  expect(await readFile(join(folder, 'metrics.csv'), 'utf8')).toBe(
    'step,seconds,loss,"loss, ""as they say""",heldOut/logProb\n' +
      '10,1.25,4.5,,\n' +
      '20,2.5,NaN,1,\n' +
      '20,2.5,,,-80.25\n' +
      '30,3.75,3,,\n' +
      '40,5,2.5,0.5,\n',
  );
  const rows = parse(await readFile(join(folder, 'metrics.csv')), { columns: true }) as Record<
    string,
    string
  >[];
  const lines = await readMetrics(join(folder, 'metrics.jsonl'));
  expect(rows.map(({ step }) => Number(step))).toEqual(lines.map(({ step }) => step));
  for (const [i, { metrics }] of lines.entries()) {
    for (const [name, value] of Object.entries(metrics)) expect(Number(rows[i]![name])).toEqual(value);
  }
});

test('a run from step 0 starts all anew', async () => {
  const folder = await resumedRun();
  await writeFile(join(folder, 'tensorboard', 'events.out.tfevents.1.host'), "another program's");
  const recording = await open(folder, 0);
  await recording.append(line(5, { kl: 1 }));
  await recording.close({ step: 5, finished: false });
  expect(await readFile(join(folder, 'metrics.csv'), 'utf8')).toBe('step,seconds,kl\n5,0.625,1\n');
  const files = await readdir(join(folder, 'tensorboard'));
  expect(files).toHaveLength(2);
  expect(files).toContain('events.out.tfevents.1.host');
  const own = files.find((file) => file.endsWith('.generatrix'))!;
  const steps = decodeRecords(await readFile(join(folder, 'tensorboard', own))).map(
    (event) => readEvent(event).step,
  );
  expect(steps).toEqual([0, 5]);
});

const python = process.env.GENERATRIX_PYTHON ?? 'python3';
const has = (module: string) => spawnSync(python, ['-c', `import ${module}`]).status === 0;
const [hasTensorboard, hasPandas] = [has('tensorboard'), has('pandas')];
if (!hasTensorboard) console.log(`skipped: events read by TensorBoard, which ${python} cannot import`);
if (!hasPandas) console.log(`skipped: the table read by pandas, which ${python} cannot import`);

/** What a Python program prints as JSON. */
function fromPython(program: string, ...args: string[]): unknown {
  const { stdout, stderr, status } = spawnSync(python, ['-c', program, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

test.skipIf(!hasTensorboard)('TensorBoard reads every value once, with pictures and sounds', async () => {
  const program = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
run = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'images': 0, 'audio': 0})
run.Reload()
tags = run.Tags()
print(json.dumps({
  'scalars': {tag: [[e.step, e.value] for e in run.Scalars(tag)] for tag in tags['scalars']},
  'images': [[e.step, e.width, e.height, len(e.encoded_image_string)] for e in run.Images('samples')],
  'audio': [[e.step, e.sample_rate, e.length_frames, e.content_type] for e in run.Audio('samples')],
}))`;
  const folder = await resumedRun();
  const { length } = await readFile(join(folder, 'samples', '20.png'));
  expect(fromPython(program, join(folder, 'tensorboard'))).toEqual({
    scalars: {
      loss: [
        [10, 4.5],
        [30, 3],
        [40, 2.5],
      ],
      [hostile]: [
        [20, 1],
        [40, 0.5],
      ],
      'heldOut/logProb': [[20, -80.25]],
    },
    images: [[20, 6, 4, length]],
    audio: [[20, 8000, 4, 'audio/wav']],
  });
});

test.skipIf(!hasPandas)('pandas reads the table as numbers', async () => {
  const program = `
import json, sys, pandas
table = pandas.read_csv(sys.argv[1])
print(json.dumps({
  'types': {name: str(kind) for name, kind in table.dtypes.items()},
  'loss': table['loss'].dropna().tolist(),
}))`;
  const folder = await resumedRun();
  expect(fromPython(program, join(folder, 'metrics.csv'))).toEqual({
    types: {
      step: 'int64',
      seconds: 'float64',
      loss: 'float64',
      [hostile]: 'float64',
      'heldOut/logProb': 'float64',
    },
    loss: [4.5, 3, 2.5],
  });
});
