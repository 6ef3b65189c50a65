/** Bytes received so far; a total of 0 is an unknown one. */
export type OnBytes = (received: number, total: number) => void;

/**
 * Reads a body to its end, telling of every chunk.
 * @param total bytes that are expected; 0 when unknown
 */
export async function readAll(
  response: Response,
  total: number,
  onBytes: OnBytes = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array(await response.arrayBuffer());
  const chunks: Uint8Array[] = [];
  let received = 0;
  onBytes(0, total);
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    received += part.value.byteLength;
    onBytes(received, total);
  }
  const bytes = new Uint8Array(received);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
