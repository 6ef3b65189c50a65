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
import type { CallMessage } from './seeded-infer.ts';
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
      responseSerialize: (message: MessageShape<DescMessage> | Uint8Array) =>
        message instanceof Uint8Array ? viewOf(message) : bufferOf(method.output, message),
      responseDeserialize: (bytes: Buffer) => bytes,
    };
    return [method.name, definition];
  }),
);

function bufferOf(type: DescMessage, message: MessageShape<DescMessage>): Buffer {
  return viewOf(toBinary(type, message));
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** A handler of one method, whose answer may be serialised already. What it throws becomes the call's status. */
export function unary<I extends DescMessage, O extends DescMessage>(
  { input, output }: DescMethodUnary<I, O>,
  { mostElements }: { readonly mostElements?: () => number },
  handle: (
    request: MessageShape<I>,
    scope: RequestScope,
    call: CallMessage,
  ) => MessageInitShape<O> | Uint8Array | Promise<MessageInitShape<O> | Uint8Array>,
): handleUnaryCall<Buffer, MessageShape<O> | Uint8Array> {
  return (call, callback) => {
    const scope = scopeOfCall(call);
    const answer = async () => {
      const made = await handle(readMessage(input, call.request, mostElements?.()), scope, call);
      return made instanceof Uint8Array ? made : create(output, made);
    };
    answer().then(
      (message) => callback(null, message),
      (error: unknown) => {
        scope.failure = error;
        callback(failureOf(error));
      },
    );
  };
}
