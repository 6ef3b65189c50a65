/**
 * SHA-256 of bytes as 64 lower-case hex digits: by the platform's own implementation, many times faster than one in
 * JavaScript. Pages that are not served securely have none; one in JavaScript is loaded for them.
 */
export async function digestHex(bytes: Uint8Array): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) return (await import('./sha256-portable.ts')).sha256Hex(bytes);
  const digest = await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
