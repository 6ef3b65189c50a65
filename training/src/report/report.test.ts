import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeWav } from '@generatrix/runtime/media';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { folderOf } from '../testing/test-support.ts';
import { flatten, type Report, writeReport } from './report.ts';
import { escapeHtml } from './self-contained-page.ts';

const hostile = `</script><script>alert("1")</script><!-- '&`;

async function pageOf(changes: Partial<Report> = {}): Promise<string> {
  const folder = await folderOf({});
  const path = join(folder, 'report.html');
  await writeReport(path, {
    title: 'vae on mnist',
    settings: { family: 'vae', options: { latent: 20, hidden: [500, 200] }, resume: null },
    metrics: [
      { step: 1, seconds: 0.1, metrics: { loss: 500 } },
      { step: 2, seconds: 0.2, metrics: { loss: 86.77, 'heldOut/loss': 90 } },
    ],
    galleries: [],
    data: { name: 'mnist' },
    notes: ['A note.'],
    environment: { node: 'v20' },
    ...changes,
  });
  expect(await readdir(folder)).toEqual(['report.html']);
  return await readFile(path, 'utf8');
}

/** Contents of all elements of a name, with their attributes, as a browser cuts them: to the first end tag. */
function elements(html: string, name: 'script' | 'style'): { attributes: string; content: string }[] {
  return [...html.matchAll(new RegExp(`<${name}([^>]*)>([\\s\\S]*?)</${name}`, 'g'))].map(
    ([, attributes, content]) => ({ attributes: attributes!, content: content! }),
  );
}

test('the policy names the hash of every script and style in the page, and no other source', async () => {
  const html = await pageOf({ title: hostile, notes: [hostile] });
  const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!;
  const hash = (content: string) => `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
  const code = elements(html, 'script').filter(({ attributes }) => !attributes.includes('application/json'));
  expect(code).toHaveLength(2);
  const allowed = (name: string) => new RegExp(`${name} ([^;]*)`).exec(policy)![1]!.trim().split(' ');
  expect(allowed('script-src')).toEqual(code.map(({ content }) => hash(content)));
  expect(allowed('style-src')).toEqual(elements(html, 'style').map(({ content }) => hash(content)));
  expect(allowed('default-src')).toEqual(["'none'"]);
});

test('the page names no address to load', async () => {
  const html = await pageOf();
  expect(html).not.toMatch(/\b(src|href)\s*=\s*["']?(?!data:)[^"'>\s]/i);
  expect(html).not.toMatch(/@import|url\(/);
});

test('text is shown as it is, wherever it stands', async () => {
  const png = await sharp({ create: { width: 4, height: 2, channels: 3, background: '#ff0000' } })
    .png()
    .toBuffer();
  const html = await pageOf({
    title: hostile,
    settings: { [hostile]: hostile },
    notes: [hostile],
    environment: { [hostile]: hostile },
    metrics: [{ step: 1, seconds: 1, metrics: { [hostile]: 1 } }],
    galleries: [{ title: hostile, text: hostile, figures: [{ caption: hostile, png }] }],
    data: { [hostile]: hostile },
  });
  expect(html).not.toContain('alert("1")');
  // Title twice; setting, data and environment twice each; note; metric twice and in a label; a gallery's title and
  // text, caption and alt.
  expect(html.split(escapeHtml(hostile)).length - 1).toBe(16);
  const data = elements(html, 'script').find(({ attributes }) => attributes.includes('application/json'))!;
  expect((JSON.parse(data.content) as { title: string }[])[0]!.title).toBe(hostile);
});

test('samples are in the page, narrow ones enlarged by whole numbers', async () => {
  const wide = await sharp({ create: { width: 400, height: 8, channels: 3, background: '#000' } })
    .png()
    .toBuffer();
  const narrow = await sharp({ create: { width: 100, height: 50, channels: 3, background: '#000' } })
    .png()
    .toBuffer();
  const html = await pageOf({
    galleries: [
      {
        title: 'Samples',
        text: 'Two of them.',
        figures: [
          { caption: 'wide', png: wide },
          { caption: 'narrow', png: narrow },
        ],
      },
    ],
  });
  expect(html).toContain(
    `src="data:image/png;base64,${wide.toString('base64')}" alt="wide" width="400" height="8"`,
  );
  expect(html).toContain('alt="narrow" width="300" height="150"');
  const figures = [{ caption: 'x', png: Buffer.from('no picture') }];
  await expect(pageOf({ galleries: [{ title: 'x', text: 'x', figures }] })).rejects.toThrow('no PNG');
});

test('sounds can be played, and the policy lets them', async () => {
  const wav = encodeWav(new Float32Array([0, 0.5]), 8000);
  const html = await pageOf({
    galleries: [{ title: 'Samples', text: 'One.', figures: [{ caption: 'a tone', wav }] }],
  });
  const source = `data:audio/wav;base64,${Buffer.from(wav).toString('base64')}`;
  expect(html).toContain(`<audio controls src="${source}" aria-label="a tone"></audio>`);
  expect(html).toMatch(/Content-Security-Policy" content="[^"]*; media-src data:;/);
});

test('samples come before curves, curves before the data and the settings', async () => {
  const html = await pageOf({ galleries: [{ title: 'Samples', text: 'None.', figures: [] }] });
  const heads = [...html.matchAll(/<h2>([^<]*)</g)].map(([, title]) => title);
  expect(heads).toEqual(['Samples', 'Curves', 'Values', 'Data', 'Settings', 'Environment']);
});

test('the table has the first, last, lowest and highest value of each metric', async () => {
  const html = await pageOf();
  expect(html).toContain(
    '<tr><th scope="row">loss</th><td>train</td><td>500</td><td>86.77</td>' +
      '<td>86.77 <small>at step 2</small></td><td>500 <small>at step 1</small></td></tr>',
  );
  expect(html).toContain('<td>held-out</td><td>90</td>');
});

test('a run without metrics, samples or notes has a page, too', async () => {
  const html = await pageOf({ metrics: [], notes: [] });
  expect(html).toContain('No metrics were recorded.');
  expect(elements(html, 'script').map(({ attributes }) => attributes)).toEqual([
    ' type="application/json" id="charts"',
  ]);
});

test('nested settings become dotted rows', () => {
  expect(flatten({ a: { b: 1, c: { d: [1, 'x'] } }, e: null, f: 'text', g: undefined, h: {} })).toEqual([
    ['a.b', '1'],
    ['a.c.d', '[1,"x"]'],
    ['e', 'null'],
    ['f', 'text'],
    ['g', 'none'],
    ['h', '{}'],
  ]);
});
