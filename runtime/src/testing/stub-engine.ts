import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeManifest } from '../bundle/manifest.ts';
import { sha256Hex } from '../bundle/sha256.ts';
import { loadSampler } from '../model/load-node.ts';
import type { Sampler } from '../model/sampler.ts';
import {
  type InferenceEngine,
  type RunRequest,
  type ServedModel,
  ServeError,
} from '../serve/engine/engine.ts';
import { type TestProgram, testBundle } from './bundle.ts';

/** Models of the tests, over the sampler itself, in this thread: what the HTTP side says of them can be worked out. */
export interface TestEngine extends InferenceEngine {
  readonly folder: string;
  /** Called before each run; what it throws is the answer. */
  before: ((request: RunRequest) => void | Promise<void>) | undefined;
  load: { requests: number; rows: number; running: number; workersAlive: number };
  isReady: boolean;
  readonly calls: RunRequest[];
  readonly events: string[];
}

const models: Readonly<Record<string, readonly TestProgram[]>> = {
  points: ['sample', 'encode', 'decode', 'logProb'],
  bound: ['sample', 'logWeight'],
  coder: ['encode'],
};

/** Writes the bundles to a folder of their own and serves them. */
export async function createTestEngine(): Promise<TestEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-http-'));
  const served: { model: ServedModel; sampler: Sampler }[] = [];
  for (const [name, programs] of Object.entries(models)) {
    await mkdir(join(folder, name));
    for (const [path, bytes] of Object.entries(testBundle(programs).files)) {
      await writeFile(join(folder, name, path), bytes);
    }
    const sampler = await loadSampler(join(folder, name), { device: 'cpu', threads: 1 });
    const { manifest } = sampler;
    const digest = sha256Hex(encodeManifest(manifest));
    const at = { digest, folder: join(folder, name), state: 'ready', loadedAt: new Date() } as const;
    served.push({ sampler, model: { name, version: '1', manifest, ...at } });
  }
  return engineOver(folder, served);
}

function engineOver(folder: string, served: { model: ServedModel; sampler: Sampler }[]): TestEngine {
  const find = (name: string, version?: string) => {
    const found = served.find(({ model }) => model.name === name && (version ?? '1') === model.version);
    if (!found) throw new ServeError('not-found', `there is no model '${name}'`);
    return found;
  };
  const engine: TestEngine = {
    folder,
    before: undefined,
    load: { requests: 0, rows: 0, running: 0, workersAlive: 1 },
    isReady: true,
    calls: [],
    events: [],
    models: () => served.map(({ model }) => model),
    refused: () => [{ name: 'broken', version: '1', reason: `bundle ${folder}/broken: cut short` }],
    model: (name, version) => find(name, version).model,
    run: async (request) => {
      engine.calls.push(request);
      await engine.before?.(request);
      request.signal?.throwIfAborted();
      const { sampler, model } = find(request.model, request.version);
      const outputs = await sampler.run(request.program, request.sources);
      return {
        outputs,
        version: '1',
        digest: model.digest,
        queueMs: 0,
        runMs: 1,
        batchRows: request.sources.count,
      };
    },
    reload: async () => {
      engine.events.push('reload');
      return engine.refused();
    },
    unloaded: () => [{ name: 'spare', version: '1' }],
    loadModel: async (name) => {
      if (name !== 'spare') find(name);
      engine.events.push(`load ${name}`);
    },
    unloadModel: async (name) => {
      find(name);
      engine.events.push(`unload ${name}`);
    },
    pending: () => engine.load,
    loaded: () => [{ model: 'points', version: '1', program: 'sample', workers: 1, bytes: 300_000 }],
    ready: () => engine.isReady,
    drain: async () => {
      engine.events.push('drain');
    },
    close: async () => {
      engine.events.push('close');
    },
  };
  return engine;
}

/** Frees what `createTestEngine` took. */
export async function removeTestEngine({ folder }: TestEngine): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
