import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const { leastNode, nodeRefusal } = (await import(
  new URL('../bin/node-version.mjs', import.meta.url).href
)) as { leastNode: string; nodeRefusal(version: string): string | null };

it.each(['14.21.3', '18.20.8', '20.0.0', '20.18.3'])('Node %s is told which one is needed', (version) => {
  expect(nodeRefusal(version)).toBe(
    `generatrix: needs Node ${leastNode} or later, this is Node ${version}; install a newer one from nodejs.org`,
  );
});

it.each(['20.19.0', '20.20.2', '22.0.0', '100.1.0', process.versions.node])('Node %s will do', (version) => {
  expect(nodeRefusal(version)).toBeNull();
});

it.each(['../package.json', '../../package.json', '../../../package.json'])(
  '%s says the same',
  async (path) => {
    const { engines } = JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8')) as {
      engines: { node: string };
    };
    expect(engines.node).toBe(`>=${leastNode}`);
  },
);
