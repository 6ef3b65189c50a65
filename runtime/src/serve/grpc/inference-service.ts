import { toBinary } from '@bufbuild/protobuf';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { sizeOf } from '../../program/tensor.ts';
import type { InferenceEngine } from '../engine/engine.ts';
import type { ServerContext } from '../http/context.ts';
import { prepareInference } from '../http/oip/inference.ts';
import { extensions, modelMetadata, repositoryIndex } from '../http/oip/metadata.ts';
import { protocolModel } from '../http/oip/names.ts';
import { inferSchema } from '../http/oip/schemas.ts';
import { modelStatistics } from '../http/oip/statistics.ts';
import { perCount } from '../http/per-count.ts';
import { noteModel, type RequestScope, runInScope } from '../http/request-scope.ts';
import { unary } from './handlers.ts';
import { answerOf, requestOf } from './infer-message.ts';
import { GRPCInferenceService, type ModelInferRequest, ModelInferResponseSchema } from './inference_pb.ts';
import { modelConfig } from './model-config.ts';
import { statisticsMessage } from './model-statistics.ts';
import type { OpenStreams } from './open-streams.ts';
import { storedCall } from './seeded-infer.ts';
import { streamInfer } from './stream-infer.ts';

/** The methods of the Open Inference Protocol's service. */
export function inferenceService(context: ServerContext, streams: OpenStreams): UntypedServiceImplementation {
  const { engine, draining, limits, version } = context;
  const { method } = GRPCInferenceService;
  const schemaFor = perCount(inferSchema);
  const find = (scope: RequestScope, { name, version: wanted }: { name: string; version: string }) => {
    scope.labels = { model: 'unknown', program: 'none' };
    const found = protocolModel(engine, name, wanted || undefined);
    noteModel(context, scope, found.model);
    return found;
  };
  const ready = () => engine.ready() && !draining();
  const prepare = (request: ModelInferRequest, scope: RequestScope) => {
    const { modelName: name, modelVersion } = request;
    const target = find(scope, { name, version: modelVersion });
    scope.labels = { model: target.model.name, program: target.program };
    const { maxCount } = limits.of(target.model.name);
    const { asked, bytesOf } = requestOf(request, schemaFor(maxCount));
    return prepareInference(target, asked, { bytesOf, maxCount });
  };
  const mostElements = () => mostValues(engine, limits);
  return {
    ServerLive: unary(method.serverLive, {}, () => ({ live: true })),
    ServerReady: unary(method.serverReady, {}, () => ({ ready: ready() })),
    ModelReady: unary(method.modelReady, {}, (request, scope) => {
      const { model } = find(scope, request);
      return { ready: model.state === 'ready' && ready() };
    }),
    ServerMetadata: unary(method.serverMetadata, {}, () => ({
      name: 'generatrix',
      version,
      extensions: [...extensions],
    })),
    ModelMetadata: unary(method.modelMetadata, {}, (request, scope) => {
      const { inputs, outputs, ...about } = modelMetadata(engine, find(scope, request));
      return { ...about, inputs: inputs.map(tensorMetadata), outputs: outputs.map(tensorMetadata) };
    }),
    ModelConfig: unary(method.modelConfig, {}, (request, scope) => {
      const found = find(scope, request);
      return { config: modelConfig(found, limits.of(found.model.name)) };
    }),
    ModelInfer: unary(method.modelInfer, { mostElements }, async (request, scope, call) => {
      const inference = prepare(request, scope);
      const { target, sources, timeoutMs } = inference;
      const stored = storedCall(context, scope, inference, call);
      if (stored.answer) return stored.answer;
      const { model, program } = target;
      const result = await runInScope(context, scope, { model, program, sources, timeoutMs });
      const outputs = new Map(inference.outputs.map((name) => [name, result.outputs[name]!]));
      const answer = answerOf(inference, { version: result.version, outputs });
      const bytes = toBinary(ModelInferResponseSchema, answer);
      stored.keep(bytes, result.digest);
      return bytes;
    }),
    ModelStatistics: unary(method.modelStatistics, {}, (request, scope) => {
      const { name, version: wanted } = request;
      if (name !== '') find(scope, request);
      const found = modelStatistics(context, name || undefined, wanted || undefined);
      return { modelStats: found.model_stats.map(statisticsMessage) };
    }),
    ModelStreamInfer: streamInfer(context, { prepare, mostElements, streams }),
    RepositoryIndex: unary(method.repositoryIndex, {}, (request) => ({
      models: repositoryIndex(engine, request.ready),
    })),
    RepositoryModelLoad: unary(method.repositoryModelLoad, {}, async ({ modelName }) => {
      await engine.loadModel(modelName);
      return {};
    }),
    RepositoryModelUnload: unary(method.repositoryModelUnload, {}, async ({ modelName }) => {
      await engine.unloadModel(modelName);
      return {};
    }),
  };
}

function tensorMetadata({ name, datatype, shape }: ReturnType<typeof modelMetadata>['inputs'][number]) {
  return { name, datatype, shape: shape.map(BigInt) };
}

/** Numbers that all inputs of a request may have, whichever program it asks for. */
function mostValues(engine: InferenceEngine, limits: ServerContext['limits']): number {
  const values = engine.models().flatMap(({ name, manifest }) => {
    const { maxCount } = limits.of(name);
    return Object.values(manifest.programs).map(({ inputs }) =>
      Object.values(inputs).reduce(
        (sum, input) => sum + maxCount * (input.role === 'scalar' ? 1 : sizeOf(input.shape)),
        0,
      ),
    );
  });
  return Math.max(limits.standard.maxCount, ...values);
}
