import type { Server } from 'node:http';
import type { Socket } from 'node:net';

const peerOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;

/**
 * Watches a server for connections on which no request has begun. Browsers and HTTP clients open such in advance; Node
 * does not count them as idle, and a server that closes would wait for each until its headers are overdue. With TLS a
 * connection is that of TCP and a request's socket is not, so they are told by the peer's address.
 * @returns a function that closes them
 */
export function watchSilentConnections(server: Server): () => void {
  const silent = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    silent.set(peer, socket);
    socket.once('close', () => {
      if (silent.get(peer) === socket) silent.delete(peer);
    });
  });
  const began = ({ socket }: { socket: Socket }) => silent.delete(peerOf(socket));
  server.on('request', began);
  server.on('checkExpectation', began);
  return () => {
    for (const socket of silent.values()) socket.destroy();
  };
}
