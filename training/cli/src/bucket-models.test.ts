import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSampler } from '@generatrix/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bucketAddress, type FollowedBucket, followBucket } from './bucket-models.ts';
import { command } from './test-command.ts';

describe('the address of a bucket', () => {
  it.each([
    ['models', null],
    ['/srv/s3:/models', null],
    ['s3://zoo', { bucket: 'zoo', prefix: '' }],
    ['s3://zoo/', { bucket: 'zoo', prefix: '' }],
    ['s3://my.zoo-1/a/b//', { bucket: 'my.zoo-1', prefix: 'a/b/' }],
  ])('%s', (models, address) => {
    expect(bucketAddress(models)).toEqual(address);
  });

  it.each(['s3://', 's3:///models', 's3://UPPER/x', 's3://a'])('%s names none', (models) => {
    expect(() => bucketAddress(models)).toThrow(/expected s3:\/\/BUCKET/);
  });
});

/** moto stands in for the storage, and boto3, which is not ours, puts files into it. */
const python = spawnSync('python3', ['-c', 'import moto.server, boto3'], { encoding: 'utf8' });
const missing = python.status === 0 ? null : (python.stderr || 'no python3').trim().split('\n').at(-1)!;
if (missing !== null)
  console.log(`skipped: models from S3 need python3 with moto[server] and boto3: ${missing}`);

describe.skipIf(missing !== null)('models from a storage that speaks S3', () => {
  let storage: ChildProcess;
  let folder: string;
  let endpoint: string;
  const before = { ...process.env };

  /** Runs boto3 with a client `s3` in scope. */
  function boto(...lines: string[]): void {
    const source = [
      'import boto3, os, sys',
      "s3 = boto3.client('s3', endpoint_url=os.environ['AWS_ENDPOINT_URL'], region_name='us-east-1')",
      'def put(folder, prefix):',
      '    for name in os.listdir(folder):',
      "        s3.upload_file(os.path.join(folder, name), 'zoo', prefix + name)",
      ...lines,
    ].join('\n');
    const { status, stderr } = spawnSync('python3', ['-c', source], { encoding: 'utf8', env: process.env });
    expect(status, stderr).toBe(0);
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'generatrix-s3-'));
    for (const seed of ['1', '2']) {
      const out = join(folder, `run${seed}`);
      const small = ['--components', '2', '--steps', '2', '--data-size', '60', '--device', 'cpu'];
      const trained = await command(
        'train',
        'gmm',
        '--data',
        'ring8',
        ...small,
        '--seed',
        seed,
        '--out',
        out,
      );
      expect(trained.status, trained.stderr).toBe(0);
    }
    const port = await freePort();
    endpoint = `http://127.0.0.1:${port}`;
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
    });
    storage = spawn('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], {
      stdio: 'ignore',
    });
    await untilListening(endpoint);
    boto(
      "s3.create_bucket(Bucket='zoo')",
      `put(${JSON.stringify(join(folder, 'run1', 'bundle'))}, 'a/ring/')`,
    );
  }, 180_000);
  afterAll(async () => {
    storage?.kill();
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
    await rm(folder, { recursive: true, force: true });
  });

  async function follow(prefix: string, problems: string[] = []): Promise<FollowedBucket> {
    return followBucket(
      { bucket: 'zoo', prefix },
      { everyMs: 100, onProblem: (line) => problems.push(line) },
    );
  }

  /** What the model in a folder draws. */
  async function drawn(path: string): Promise<number[]> {
    const sampler = await loadSampler(path, { device: 'cpu', threads: 1 });
    try {
      return [...(await sampler.sample({ count: 4, seed: 7 })).data.data];
    } finally {
      await sampler.release();
    }
  }

  it('are copied as they are, follow what changes, and go when they go', async () => {
    const bucket = await follow('a/');
    try {
      const first = await drawn(join(folder, 'run1', 'bundle'));
      expect(await drawn(join(bucket.folder, 'ring'))).toEqual(first);
      boto(
        `put(${JSON.stringify(join(folder, 'run2', 'bundle'))}, 'a/ring/')`,
        `put(${JSON.stringify(join(folder, 'run1', 'bundle'))}, 'a/versioned/3/')`,
        "s3.put_object(Bucket='zoo', Key='a/../../escaped/model.json', Body=b'{}')",
        "s3.put_object(Bucket='zoo', Key='a/unfinished/sample.onnx', Body=b'x')",
      );
      const names = async () => (await readdir(bucket.folder)).filter((name) => !name.startsWith('.')).sort();
      await expect.poll(names, { timeout: 20_000 }).toEqual(['ring', 'versioned']);
      const second = await drawn(join(folder, 'run2', 'bundle'));
      expect(second).not.toEqual(first);
      await expect.poll(() => drawn(join(bucket.folder, 'ring')), { timeout: 20_000 }).toEqual(second);
      expect(await drawn(join(bucket.folder, 'versioned', '3'))).toEqual(first);
      boto(
        "[s3.delete_object(Bucket='zoo', Key=o['Key']) for o in s3.list_objects_v2(Bucket='zoo', Prefix='a/ring/')['Contents']]",
      );
      await expect.poll(names, { timeout: 20_000 }).toEqual(['versioned']);
    } finally {
      await bucket.stop();
    }
    expect(await readdir(bucket.folder).catch(() => 'gone')).toBe('gone');
  }, 120_000);

  it('no such bucket is one line and status 1', async () => {
    const { status, stderr } = await command('serve', 's3://elsewhere/models', '--port', '0');
    expect(status).toBe(1);
    expect(stderr.trim()).toBe('generatrix: models s3://elsewhere/models/: there is no such bucket');
  });

  it('seconds that are none are refused', async () => {
    const { status, stderr } = await command('serve', 's3://zoo/a', '--bucket-seconds', 'soon');
    expect([status, stderr.trim()]).toEqual([
      1,
      'generatrix: --bucket-seconds soon: expected a number from 1 to 86400',
    ]);
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function untilListening(url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const answered = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`nothing listens on ${url}`);
}
