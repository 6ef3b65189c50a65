import { once } from 'node:events';
import { create, type MessageShape } from '@bufbuild/protobuf';
import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import { drawsParts } from '../../model/abilities.ts';
import type { StreamRequest } from '../../model/contract.ts';
import { streamSamples } from '../../model/stream.ts';
import type { HostTensor } from '../../program/tensor.ts';
import type { ServerContext } from '../http/context.ts';
import { HttpError } from '../http/http-error.ts';
import type { Inference } from '../http/oip/inference.ts';
import { countRequest, type RequestScope, runInScope } from '../http/request-scope.ts';
import { modelOver } from '../http/sampling/programs.ts';
import { nothingSpent } from '../http/statistics.ts';
import { scopeOfCall } from './call-scope.ts';
import { answerOf } from './infer-message.ts';
import {
  type ModelInferRequest,
  ModelInferRequestSchema,
  type ModelInferResponse,
  ModelStreamInferResponseSchema,
} from './inference_pb.ts';
import { readMessage } from './message.ts';
import type { OpenStreams } from './open-streams.ts';
import { failureOf } from './status.ts';

type Answer = MessageShape<typeof ModelStreamInferResponseSchema>;
type Call = ServerDuplexStream<Buffer, Answer>;

interface StreamOptions {
  /** Checks a request. @throws HttpError, ServeError. */
  readonly prepare: (request: ModelInferRequest, scope: RequestScope) => Inference;
  readonly mostElements: () => number;
  readonly streams: OpenStreams;
}

/**
 * `ModelStreamInfer`: requests are answered one after the other, each by one answer, or, where its parameter `stream`
 * is true, by an answer for each part of the samples (some rows of images, a stretch of sound). Together the parts are
 * what one answer would have. A request that fails gets `error_message` and does not end the stream.
 */
export function streamInfer(
  context: ServerContext,
  { prepare, mostElements, streams }: StreamOptions,
): handleBidiStreamingCall<Buffer, Answer> {
  const answerTo = async (call: Call, bytes: Uint8Array) => {
    const scope = scopeOfCall(call);
    let request: ModelInferRequest | undefined;
    const start = performance.now();
    const over = (ok: boolean) => {
      countRequest(context, scope, { ok, ms: performance.now() - start });
      scope.spent = nothingSpent();
    };
    try {
      request = readMessage(ModelInferRequestSchema, bytes, mostElements());
      for await (const inferResponse of answers(context, scope, prepare(request, scope))) {
        await send(call, scope, create(ModelStreamInferResponseSchema, { inferResponse }));
      }
      over(true);
    } catch (error) {
      over(false);
      if (scope.signal.aborted) throw error;
      scope.failure = error;
      const { details, reason } = failureOf(error);
      context.metrics.failed(scope.labels, reason);
      const { modelName = '', modelVersion = '', id = '' } = request ?? {};
      const inferResponse = { modelName, modelVersion, id };
      await send(
        call,
        scope,
        create(ModelStreamInferResponseSchema, { errorMessage: details, inferResponse }),
      );
    }
  };
  const answerAll = async (call: Call) => {
    // Left to itself, the iterator would destroy the stream at the end of the requests, answers and all.
    const requests = call.iterator({ destroyOnReturn: false });
    for await (const bytes of requests) {
      streams.taken(call);
      await answerTo(call, bytes as Uint8Array);
      streams.answered(call);
    }
    call.end();
  };
  return (call) => {
    streams.add(call);
    answerAll(call)
      .catch((error: unknown) => {
        // Where the client has left, or its time is over, there is nobody to tell; nor where the stream was ended.
        if (streams.has(call) && !scopeOfCall(call).signal.aborted) call.emit('error', failureOf(error));
      })
      .finally(() => streams.delete(call));
  };
}

async function* answers(
  context: ServerContext,
  scope: RequestScope,
  inference: Inference,
): AsyncGenerator<ModelInferResponse, void, undefined> {
  const { target, asked, sources, timeoutMs } = inference;
  const { model, program } = target;
  if (asked.parameters?.stream !== true) {
    const { outputs, version } = await runInScope(context, scope, { model, program, sources, timeoutMs });
    const chosen = new Map(inference.outputs.map((name) => [name, outputs[name]!]));
    yield answerOf(inference, { version, outputs: chosen, parameters: { triton_final_response: true } });
    return;
  }
  if (program !== 'sample' || !drawsParts(model)) {
    throw new HttpError(400, `model ${target.name} draws its answer in one piece: it cannot stream`);
  }
  const run = modelOver(model, (name, given) =>
    runInScope(context, scope, { model, program: name, sources: given, timeoutMs }),
  );
  const parts = streamSamples(run, { ...streamRequest(inference), signal: scope.signal });
  for await (const { index, chunks, start, data } of parts) {
    yield answerOf(inference, {
      version: run.version(),
      outputs: new Map([['data', data]]),
      parameters: { index, start, parts: chunks, triton_final_response: index === chunks - 1 },
    });
  }
}

/** What a stream draws. @throws HttpError 400 for noise that is given: the parts draw their own. */
function streamRequest({ target, sources }: Inference): StreamRequest {
  const { count, firstIndex, scalars, seed, tensors = {} } = sources;
  let label: Int32Array | undefined;
  const conditions: Record<string, HostTensor> = {};
  for (const [input, tensor] of Object.entries(tensors)) {
    const { role } = target.entry.inputs[input]!;
    if (role === 'label') label = Int32Array.from(tensor.data);
    else if (role === 'condition') conditions[input] = tensor;
    else if (role !== 'carry') {
      throw new HttpError(
        400,
        `input '${input}': a stream draws its noise from parameters.seed; leave it out`,
      );
    }
  }
  const conditioned = Object.keys(conditions).length > 0;
  return { ...scalars, seed, firstIndex, count, ...(label && { label }), ...(conditioned && { conditions }) };
}

/** Waits where the client reads more slowly than the model draws. */
async function send(call: Call, { signal }: RequestScope, answer: Answer): Promise<void> {
  if (!call.write(answer)) await once(call, 'drain', { signal });
}
