import { afterAll, beforeAll, expect, it } from 'vitest';
import { treeOf } from '../bench/serve/processor-time.ts';
import { startCommand } from '../cli/run-command.ts';
import { removeFolder, writeServedBundles } from './serve-bundles.ts';

type Command = ReturnType<typeof startCommand>;

let folder: string;
let server: Command & { readonly url: string };

beforeAll(async () => {
  folder = await writeServedBundles(['gmm']);
  const flags = ['--port', '0', '--site', 'none', '--log-level', 'silent', '--shutdown-grace-ms', '0'];
  const limits = ['--workers', '2', '--max-count', '4096', '--max-batch', '4096', '--queue-limit', '100000'];
  const command = startCommand(['serve', folder, ...flags, ...limits]);
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    command.child.stdout!.on('data', (part: string) => {
      text += part;
      const found = /listening on (\S+)/.exec(text)?.[1];
      if (found) resolve(found);
    });
    command.child.once('exit', () => reject(new Error(`it ended: ${text}`)));
  });
  server = { ...command, url };
});
afterAll(async () => {
  server.child.kill('SIGTERM');
  expect((await server.outcome).status).toBe(0);
  await removeFolder(folder);
});

/** Samples from a seed as bytes, from a run; null where the server says that it cannot now. */
async function draw(seed: number): Promise<Buffer | null> {
  const response = await fetch(`${server.url}/v2/models/gmm/infer`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
    body: JSON.stringify({ inputs: [], parameters: { seed, count: 4096, binary_data_output: true } }),
  });
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status === 503) return null;
  expect(response.status, body.toString('latin1', 0, 200)).toBe(200);
  return body;
}

it('workers killed again and again, in the middle of what they write: no answer is wrong', async () => {
  const seeds = [1, 2, 3, 4, 5, 6];
  const known = new Map<number, Buffer>();
  for (const seed of seeds) known.set(seed, (await draw(seed))!);
  // More than travels in the stream: through shared memory where there is such.
  expect(known.get(1)!.length).toBeGreaterThan(32_768);
  let [over, right] = [false, 0];
  const client = async (seed: number) => {
    while (!over) {
      const answer = await draw(seed);
      if (answer === null) continue;
      expect(answer.equals(known.get(seed)!), `samples of seed ${seed}`).toBe(true);
      right++;
    }
  };
  const clients = seeds.map(client);
  let killed = 0;
  while (killed < 12) {
    // A worker that has just started has nothing to write yet.
    await new Promise((resolve) => setTimeout(resolve, 150 + 17 * killed));
    const [, ...workers] = treeOf(server.child.pid!);
    const victim = workers[killed % workers.length];
    if (victim === undefined) continue;
    process.kill(victim, 'SIGKILL');
    killed++;
  }
  over = true;
  await Promise.all(clients);
  expect(right).toBeGreaterThan(killed);
  expect((await draw(1))?.equals(known.get(1)!)).toBe(true);
});
