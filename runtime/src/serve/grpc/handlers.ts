import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { handleUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import type { RequestScope } from '../http/request-scope.ts';
import { scopeOfCall } from './call-scope.ts';
import { GRPCInferenceService } from './inference_pb.ts';
import { readMessage } from './message.ts';
import { failureOf } from './status.ts';

/**
 * The service as gRPC takes it. Requests stay bytes until a handler reads them, so that what is wrong with them gets
 * the right code.
 */
export const inferenceDefinition: ServiceDefinition = Object.fromEntries(
  GRPCInferenceService.methods.map((method) => {
    const streams = method.methodKind === 'bidi_streaming';
    const definition = {
      path: `/${GRPCInferenceService.typeName}/${method.name}`,
      originalName: method.localName,
      requestStream: streams,
      responseStream: streams,
      requestSerialize: (message: MessageShape<DescMessage>) => bufferOf(method.input, message),
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (message: MessageShape<DescMessage>) => bufferOf(method.output, message),
      responseDeserialize: (bytes: Buffer) => bytes,
    };
    return [method.name, definition];
  }),
);

function bufferOf(type: DescMessage, message: MessageShape<DescMessage>): Buffer {
  const { buffer, byteOffset, length } = toBinary(type, message);
  return Buffer.from(buffer, byteOffset, length);
}

/** A handler of one method. What it throws becomes the call's status. */
export function unary<I extends DescMessage, O extends DescMessage>(
  { input, output }: DescMethodUnary<I, O>,
  { mostElements }: { readonly mostElements?: () => number },
  handle: (
    request: MessageShape<I>,
    scope: RequestScope,
  ) => MessageInitShape<O> | Promise<MessageInitShape<O>>,
): handleUnaryCall<Buffer, MessageShape<O>> {
  return (call, callback) => {
    const scope = scopeOfCall(call);
    const answer = async () =>
      create(output, await handle(readMessage(input, call.request, mostElements?.()), scope));
    answer().then(
      (message) => callback(null, message),
      (error: unknown) => {
        scope.failure = error;
        callback(failureOf(error));
      },
    );
  };
}
