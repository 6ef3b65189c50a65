import { Agent, request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Client, credentials, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Send } from './load.ts';

/** Where a server listens. */
export interface Address {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  /** `127.0.0.1:9000` */
  readonly grpc: string;
}

/** What is asked of a model: so many rows of its program `sample`, from a seed that nobody names. */
export interface Asked {
  readonly model: string;
  readonly rows: number;
}

/** The stock client of Node, with connections that stay open. */
export const agent = new Agent({ keepAlive: true, maxSockets: 512 });

/** `POST /v2/models/NAME/infer`, with bytes or numbers for an answer. */
export function restInfer({ url }: Address, { model, rows }: Asked, binary: boolean): Send {
  const parameters = { count: rows, binary_data_output: binary };
  return post(new URL(`/v2/models/${model}/infer`, url), JSON.stringify({ inputs: [], parameters }));
}

/** `POST /v1/models/NAME/samples`, with lists of numbers for an answer. */
export function sampling({ url }: Address, { model, rows }: Asked): Send {
  return post(new URL(`/v1/models/${model}/samples`, url), JSON.stringify({ count: rows }));
}

function post(target: URL, body: string): Send {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
  return () =>
    new Promise((resolve, reject) => {
      const sent = httpRequest(target, { method: 'POST', agent, headers }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode!));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
}

const proto = fileURLToPath(new URL('../../../../runtime/src/serve/grpc/inference.proto', import.meta.url));

/** `ModelInfer`, whose answer is raw, on one connection. @returns the call, and what ends the connection */
export function grpcInfer({ grpc }: Address, { model, rows }: Asked): { send: Send; close(): void } {
  const service = loadSync(proto)['inference.GRPCInferenceService'] as ServiceDefinition;
  const { path, requestSerialize } = service.ModelInfer!;
  const bytes = requestSerialize({ modelName: model, parameters: { count: { int64Param: rows } } });
  const client = new Client(grpc, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  const same = (message: Buffer) => message;
  return {
    send: () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, same, same, bytes, (error) => (error ? reject(error) : resolve(200)));
      }),
    close: () => client.close(),
  };
}
