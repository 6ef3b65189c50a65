import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDataset } from '../data/catalogue.ts';
import { escapeHtml } from '../report/self-contained-page.ts';
import { type DiagnosticEntry, diagnostics } from './catalogue.ts';
import { CompiledFunctions } from './compiled-functions.ts';
import { curvesOutcome } from './convergence/convergence-finding.ts';
import { Evaluation } from './evaluation.ts';
import { renderEvaluation, tableOf } from './evaluation-page.ts';
import { datasetSource } from './test-support.ts';

const hostile = `</script><script>alert("1")</script><!-- '&`;

let compiled: CompiledFunctions;
beforeAll(async () => {
  compiled = await CompiledFunctions.open('cpu');
});
afterAll(() => compiled.release());

async function page(): Promise<string> {
  const data = await loadDataset({ name: 'moons', split: 'train', size: 30 });
  const request = {
    source: datasetSource(hostile, data, (i) => i),
    train: data,
    setApart: data,
    test: data,
    count: 20,
    seed: 1,
    againstTrain: false,
    cacheFolder: '/nowhere',
    effort: 'quick',
    runFolder: null,
  } as const;
  const lines = Array.from({ length: 40 }, (_, step) => ({
    step,
    seconds: step,
    metrics: { loss: 3, [hostile]: step },
  }));
  const entry: DiagnosticEntry = { ...diagnostics[0]!, title: hostile };
  const bars = [{ title: hostile, labels: ['a', hostile], series: [{ name: hostile, values: [1, 4] }] }];
  const reported = [
    { entry, outcome: { skipped: hostile }, seconds: 0 },
    {
      entry,
      outcome: { finding: { verdict: 'problem', text: hostile }, figures: { [hostile]: hostile }, bars },
      seconds: 1,
    },
    { entry, outcome: curvesOutcome(lines, 'adversarial'), seconds: 2 },
  ] as const;
  const plotting = { script: 'plot();', style: 'p { margin: 0 }' };
  return renderEvaluation(
    { evaluation: new Evaluation(request, compiled), rounded: false, reported, seconds: 3, pictures: [] },
    plotting,
  );
}

test('text is shown as it is, and the policy names every script and style of the page', async () => {
  const html = await page();
  expect(html).not.toContain('alert("1")');
  expect(html.split(escapeHtml(hostile)).length).toBeGreaterThan(10);
  expect(html).toMatch(/rounded to 8 bits<\/t[hd]><td[^>]*>false</);
  const hash = (content: string) => `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
  const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!;
  const contents = (name: string) =>
    [...html.matchAll(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, 'g'))].map((match) => match[1]!);
  expect(contents('script')).toHaveLength(2);
  for (const content of [...contents('script'), ...contents('style')])
    expect(policy).toContain(hash(content));
});

test('bars are as high as their values, and each curve has its place', async () => {
  const html = await page();
  const heights = [...html.matchAll(/<rect class="first"[^>]* height="([\d.]+)"/g)].map((match) =>
    Number(match[1]),
  );
  expect(heights[1]! / heights[0]!).toBeCloseTo(4, 1);
  expect([...html.matchAll(/id="plot-(\d)"/g)].map((match) => match[1])).toEqual(['0', '1']);
});

test('a table has numbers to five digits, those of lists too', () => {
  const figures = { one: 0.5495991105884318, each: [0.02891025939583782, null, 7, 'a'], name: '[text' };
  expect(tableOf(figures)).toEqual([
    ['one', '0.5496'],
    ['each', '0.02891, null, 7, a'],
    ['name', '[text'],
  ]);
});
