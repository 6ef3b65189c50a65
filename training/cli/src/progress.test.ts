import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createProgress, durationText } from './progress.ts';

function capture(terminal: boolean): { stream: PassThrough; text: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY: terminal, columns: 120 });
  const chunks: string[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  return { stream, text: () => chunks.join('') };
}

test('without a terminal: a line at most every 5 s, the last state at the end, notes at once', () => {
  const { stream, text } = capture(false);
  let time = 0;
  const progress = createProgress({ label: 'vae', total: 1000, start: 100, stream, now: () => time });
  for (let step = 101; step <= 230; step++) {
    time += 100;
    progress.update(step, { loss: 1000 / step, other: 1 });
    if (step === 120) progress.note('step 120: held-out 3');
  }
  progress.stop();
  progress.stop();
  progress.update(999, { loss: 1 });
  // 130 steps of 100 ms: lines at 5 s and 10 s, and the end at 13 s. 10 steps a second throughout.
  expect(text()).toBe(
    [
      'step 120: held-out 3',
      'vae: step 150/1000, loss 6.6667, 10.0 steps/s, 1 min 25 s left',
      'vae: step 200/1000, loss 5, 10.0 steps/s, 1 min 20 s left',
      'vae: step 230/1000, loss 4.3478, 10.0 steps/s, 1 min 17 s left',
      '',
    ].join('\n'),
  );
});

test('the speed is that of the last half minute, and slow steps are seconds each', () => {
  const { stream, text } = capture(false);
  let time = 0;
  const progress = createProgress({ label: 'gan', total: 1100, stream, now: () => time });
  for (let step = 1; step <= 1000; step++) {
    time += 10;
    progress.update(step, {});
  }
  for (let step = 1001; step <= 1030; step++) {
    time += 2000;
    progress.update(step, {});
  }
  progress.stop();
  expect(text().trimEnd().split('\n').at(-1)).toBe('gan: step 1030/1100, 2.00 s/step, 2 min 20 s left');
});

test('on a terminal: a bar with loss, speed and time left; notes stand above it', () => {
  const { stream, text } = capture(true);
  let time = 0;
  const progress = createProgress({ label: 'made{x}', total: 200, stream, now: () => time });
  time = 4000;
  progress.update(50, { loss: 84.87 });
  progress.note('step 50: saved');
  time = 16_000;
  progress.update(200, { loss: 80 });
  progress.stop();
  const plain = text();
  expect(plain).toContain('step 50: saved\n');
  expect(plain.indexOf('saved')).toBeLessThan(plain.lastIndexOf('madex ['));
  expect(plain).toContain('25% 50/200  loss 84.87, 12.5 steps/s, 12 s left');
  expect(plain).toContain('100% 200/200  loss 80, 12.5 steps/s');
  expect(plain.endsWith('\n')).toBe(true);
  // A killed run must not leave the terminal without cursor or line wrapping.
  expect(plain).not.toContain('\u001b[?25l');
  expect(plain).not.toContain('\u001b[?7l');
});

test.each([
  [0.4, '0 s'],
  [59.4, '59 s'],
  [59.6, '1 min 00 s'],
  [3599.4, '59 min 59 s'],
  [3600, '1 h 00 min'],
  [86_399, '23 h 59 min'],
  [100_800, '1 d 04 h'],
])('%d seconds read as %s', (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});
