import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, service as healthDefinition } from 'grpc-health-check';
import type { ServerContext } from '../http/context.ts';
import { type Closing, certificate, listenError } from '../http/listen.ts';
import { guardCalls } from './call-scope.ts';
import { inferenceDefinition } from './handlers.ts';
import { file_inference, GRPCInferenceService } from './inference_pb.ts';
import { inferenceService } from './inference-service.ts';
import { OpenStreams } from './open-streams.ts';

/** How often watchers of the health service hear of changes, ms. */
const healthMs = 1000;
/** Calls that one connection may have open; more wait in the client. */
const maxStreams = 256;
/** Answers of one connection that wait to be read, megabytes; past it, the connection gets no further calls. */
const maxSessionMemory = 256;

export interface GrpcListener extends Closing {
  /** `127.0.0.1:9000` */
  readonly address: string;
}

/**
 * The Open Inference Protocol over gRPC, with health and reflection, on a port of its own: the same engine and limits as
 * REST.
 * @throws UserError when the port is not free.
 */
export async function listenGrpc(context: ServerContext, port: number): Promise<GrpcListener> {
  const { config } = context;
  const secure = config.tlsCert !== undefined;
  const health = new HealthImplementation();
  const refresh = () => {
    const status = context.engine.ready() && !context.draining() ? 'SERVING' : 'NOT_SERVING';
    for (const name of ['', GRPCInferenceService.typeName]) health.setStatus(name, status);
  };
  refresh();
  const streams = new OpenStreams();
  /** By `ADDRESS:PORT` of the client. */
  const sockets = new Map<string, Socket>();
  const server = new Server({
    'grpc.max_receive_message_length': config.maxBodyBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': maxStreams,
    'grpc-node.max_session_memory': maxSessionMemory,
    // Finds peers that are gone.
    'grpc.keepalive_time_ms': Math.max(1000, config.keepAliveTimeoutMs),
    interceptors: [
      guardCalls(context, { beforeHealth: refresh, cut: (peer) => sockets.get(peer)?.destroy() }),
    ],
  });
  server.addService(inferenceDefinition, inferenceService(context, streams));
  health.addToServer(server);
  reflection().addToServer(server);
  const credentials = secure ? await tls(config) : ServerCredentials.createInsecure();
  const injector = server.createConnectionInjector(credentials);
  const net = createServer((socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    sockets.set(peer, socket);
    socket.once('close', () => {
      if (sockets.get(peer) === socket) sockets.delete(peer);
    });
    injector.injectConnection(socket);
  });
  net.maxConnections = config.maxConnections;
  net.listen(port, config.host);
  await once(net, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw listenError(error, config.host, port, '--grpc-port');
  });
  const poll = setInterval(refresh, healthMs);
  poll.unref();
  return {
    address: addressOf(net.address()),
    close: async () => {
      refresh();
      net.close();
      streams.drain();
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      clearInterval(poll);
    },
    cut: () => {
      clearInterval(poll);
      net.close();
      server.forceShutdown();
      for (const socket of sockets.values()) socket.destroy();
    },
  };
}

async function tls(config: ServerContext['config']): Promise<ServerCredentials> {
  const { cert, key } = await certificate(config);
  return ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }]);
}

/** Says which services there are and what their messages look like, to tools such as grpcurl. */
function reflection(): ReflectionService {
  const { requestType } = healthDefinition.Check!;
  const own = Buffer.from(toBinary(FileDescriptorProtoSchema, file_inference.proto));
  return new ReflectionService({
    health: requestType,
    // The package reads the files of a definition and nothing else of it.
    [GRPCInferenceService.typeName]: { ...requestType, fileDescriptorProtos: [own] },
  });
}

function addressOf(address: AddressInfo | string | null): string {
  const { address: host, port, family } = address as AddressInfo;
  return `${family === 'IPv6' ? `[${host}]` : host}:${port}`;
}
