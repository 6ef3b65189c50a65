const deviceNames: Readonly<Record<string, string>> = { wasm: 'WASM', webgpu: 'WebGPU' };

/** What a device is called in text. */
export const deviceName = (device: string) => deviceNames[device] ?? device;

/** `WASM, 3 times faster here than WebGPU`; the note may be empty. */
export const deviceLine = (device: string, note: string) =>
  note === '' ? deviceName(device) : `${deviceName(device)}, ${note}`;

/** Bytes in decimal units. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Microseconds, milliseconds or seconds, with two or three digits. */
export function formatTime(ms: number): string {
  if (ms < 0.95) return `${Math.max(1, Math.round(ms * 1000))} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** `64 samples with seed 42 in 120 ms on WASM` */
export function sampleLine(count: number, seed: number, sampleMs: number, device: string): string {
  const samples = count === 1 ? '1 sample' : `${count} samples`;
  return `${samples} with seed ${seed} in ${formatTime(sampleMs)} on ${deviceName(device)}`;
}
