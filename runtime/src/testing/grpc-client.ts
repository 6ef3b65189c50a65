import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Client, type ClientOptions, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import {
  GRPCInferenceService,
  type ModelInferRequest,
  ModelInferRequestSchema,
  ModelStreamInferResponseSchema,
} from '../serve/grpc/inference_pb.ts';

/** What a call ended with that failed. */
export interface Refusal {
  readonly code: string | undefined;
  readonly details: string;
}

export interface CallSettings {
  readonly metadata?: Readonly<Record<string, string>>;
  /** Milliseconds from now. */
  readonly timeoutMs?: number;
}

/** A client of the Open Inference Protocol over gRPC, for tests. */
export class TestClient {
  readonly client: Client;

  constructor(address: string, options: ClientOptions = {}) {
    this.client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      ...options,
    });
  }

  /** Calls a method. @throws ServiceError. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    settings: CallSettings = {},
  ): Promise<MessageShape<O>> {
    return this.send(method, toBinary(method.input, create(method.input, request)), settings);
  }

  /** Calls a method with bytes for its message. @throws ServiceError. */
  send<I extends DescMessage, O extends DescMessage>(
    { name, output }: DescMethodUnary<I, O>,
    bytes: Uint8Array,
    { metadata = {}, timeoutMs }: CallSettings = {},
  ): Promise<MessageShape<O>> {
    const path = `/${GRPCInferenceService.typeName}/${name}`;
    const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        path,
        () => Buffer.from(bytes),
        (answer) => fromBinary(output, answer),
        bytes,
        metadataOf(metadata),
        options,
        (error, answer) => (error ? reject(error) : resolve(answer!)),
      );
    });
  }

  /** Sends requests to `ModelStreamInfer` and returns all answers. */
  async stream(
    requests: readonly MessageInitShape<typeof ModelInferRequestSchema>[],
  ): Promise<MessageShape<typeof ModelStreamInferResponseSchema>[]> {
    const call = this.client.makeBidiStreamRequest(
      `/${GRPCInferenceService.typeName}/ModelStreamInfer`,
      (request: ModelInferRequest) => Buffer.from(toBinary(ModelInferRequestSchema, request)),
      (answer) => fromBinary(ModelStreamInferResponseSchema, answer),
    );
    for (const request of requests) call.write(create(ModelInferRequestSchema, request));
    call.end();
    return (await call.toArray()) as MessageShape<typeof ModelStreamInferResponseSchema>[];
  }

  close(): void {
    this.client.close();
  }
}

function metadataOf(values: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(values)) metadata.set(name, value);
  return metadata;
}

/** How a call fails; it must. */
export async function refusal(call: Promise<unknown>): Promise<Refusal> {
  const error: ServiceError = await call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (reason: ServiceError) => reason,
  );
  return { code: status[error.code], details: error.details };
}
