import {
  checkParity,
  completionOf,
  drawsParts,
  type HostTensor,
  type Sampler,
} from '@generatrix/runtime/web';
import type { OpenModel, openModel } from './open-model.ts';
import type { CallName, Calls, Conditions, Sampled } from './protocol.ts';

/** What a handler is given besides its payload. */
export interface CallContext<K extends CallName> {
  readonly signal: AbortSignal;
  readonly part: (part: Calls[K]['part']) => void;
  /** The model that the page means. @throws when it is not open. */
  readonly model: () => OpenModel;
  /** Opens a bundle on a device. */
  readonly openModel: typeof openModel;
  /** Puts a model in its place, or takes it away. */
  readonly setModel: (model: OpenModel | undefined) => void;
}

type Handlers = {
  readonly [K in CallName]: (
    payload: Calls[K]['payload'],
    context: CallContext<K>,
  ) => Promise<Calls[K]['reply']>;
};

/** Samples in one run; after each the worker handles messages, so that it can be stopped. */
const batchSize = 64;
/** Examples scored in one run: a heat map has thousands. */
const scoredAtOnce = 512;

/** What the worker does, by the names of `Calls`. */
export const handlers: Handlers = {
  load: async (request, { part, signal, openModel, setModel }) => {
    const model = await openModel(request, part, signal);
    setModel(model);
    return model.described;
  },
  sample: async ({ count, seed, program, labels, draw, ...given }, { model, part, signal }) => {
    const onBatch = (done: number, of: number) => {
      if (of > batchSize) part({ done, of });
      return breathe();
    };
    const request = {
      ...{ ...conditions(given), program, labels, draw, seed, count, batchSize, signal },
      ...{ onBatch, onSteps: breathe },
    };
    return timed(async () => (await model().sampler.sample(request)).data);
  },
  stream: async ({ count, seed, labels, draw, ...given }, { model, part, signal }) => {
    const { sampler } = model();
    return timed(() =>
      watch(sampler.stream({ ...conditions(given), labels, draw, count, seed, signal }), part),
    );
  },
  complete: async ({ data, known, seed, ...given }, { model, part, signal }) => {
    const { sampler, bundle } = model();
    const options = { ...conditions(given), seed, signal };
    return timed(async () => {
      completionOf(bundle);
      if (drawsParts(bundle)) {
        const stream = sampler.stream({ ...options, count: data.shape[0]!, given: { data, known } });
        return watch(stream, (soFar) => part({ soFar }));
      }
      const onSteps = (done: number, of: number) => {
        if (done < of) part({ done, of });
        return breathe();
      };
      return (await sampler.complete({ ...options, data, known, onSteps })).data;
    });
  },
  refine: async (request, { model, part, signal }) => {
    const { refineSteps } = await import('./refine.ts');
    return timed(() =>
      refineSteps(model().sampler, request, signal, (refined) => {
        part(refined);
        return breathe();
      }),
    );
  },
  walk: async (request, { model, part, signal }) => {
    // Few models have chains that are followed: a page loads this with the first of them.
    const { walkSteps } = await import('./walk.ts');
    return walkSteps(model().sampler, request, signal, (done) => {
      part({ done, of: request.steps });
      return breathe();
    });
  },
  reconstruct: ({ data, ...given }, { model, signal }) =>
    model().sampler.reconstruct(data, { ...given, signal }),
  interpolate: async (request, { model, signal }) =>
    (await model().sampler.interpolate({ ...request, signal })).data,
  encode: ({ data, ...given }, { model, signal }) => model().sampler.encode(data, { ...given, signal }),
  decode: ({ latent, ...given }, { model, signal }) => model().sampler.decode(latent, { ...given, signal }),
  score: (request, { model, signal }) =>
    model().sampler.logProb({ ...request, signal, batchSize: scoredAtOnce }),
  parity: async ({ programs }, { model }) => {
    const { bundle, executor } = model();
    return checkParity(bundle, executor, programs ? { programs } : {});
  },
  release: async (_, { model, setModel }) => {
    const { sampler } = model();
    setModel(undefined);
    await sampler.release();
    return null;
  },
};

function conditions({ label, scalars }: Conditions): Record<string, number> {
  return { ...scalars, ...(label === undefined ? {} : { label }) };
}

async function timed(task: () => Promise<HostTensor>): Promise<Sampled> {
  const start = performance.now();
  const data = await task();
  return { data, sampleMs: performance.now() - start };
}

/** Passes on each part of a stream, as a copy (the stream writes on in the same memory), and returns the whole. */
async function watch(
  parts: ReturnType<Sampler['stream']>,
  part: (soFar: HostTensor) => void,
): Promise<HostTensor> {
  let whole: HostTensor | undefined;
  for await (const { soFar, index, chunks } of parts) {
    whole = soFar;
    if (index + 1 < chunks) part(soFar);
    await breathe();
  }
  return whole!;
}

/** Lets messages that wait be handled: promises alone would keep them waiting. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
