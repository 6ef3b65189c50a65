import type { LoadedModel } from './protocol.ts';

/** What the page is doing; also its `data-state`, which the style sheet and the tests read. */
export type PageState = 'starting' | 'loading' | 'sampling' | 'ready' | 'stopped' | 'failed';

const deviceNames: Readonly<Record<string, string>> = { wasm: 'WASM', webgpu: 'WebGPU' };
const deviceName = (device: string) => deviceNames[device] ?? device;

function find(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page lacks its element #${id}`);
  return element;
}

/** Sets the state that the page shows. */
export function showState(state: PageState): void {
  find('main').dataset.state = state;
  find('main').setAttribute('aria-busy', String(state === 'loading' || state === 'sampling'));
  find('loading').hidden = state !== 'loading';
}

/** One line of what happened, read out by screen readers. */
export function showStatus(line: string): void {
  find('status').textContent = line;
}

/** The error line; an empty one hides it. */
export function showError(line: string): void {
  const element = find('error');
  element.textContent = line.split('\n')[0] ?? '';
  element.hidden = line === '';
}

/** The download so far, in bytes; a total of 0 is an unknown one. */
export function showProgress(received: number, total: number): void {
  const bar = find('progress') as HTMLProgressElement;
  if (total > 0) {
    bar.max = total;
    bar.value = received;
  } else {
    bar.removeAttribute('value');
  }
  const done = total > 0 && received >= total;
  find('progress-text').textContent = done
    ? `${formatBytes(total)} received, getting ready`
    : total > 0
      ? `${formatBytes(received)} of ${formatBytes(total)}`
      : formatBytes(received);
}

/** The facts below the picture: the device, those passed over and why, and times. */
export function showFacts(model: LoadedModel, downloadBytes: number, sampleMs: number): void {
  const passedOver = model.deviceReports.filter(({ available }) => !available);
  const threads = crossOriginIsolated ? 'available (cross-origin isolated page)' : 'one (page not isolated)';
  const facts: [string, string][] = [
    ['Model', `${model.family}, trained on ${model.data.name}`],
    ['Device', deviceName(model.device)],
    ...passedOver.map(({ device, reason }): [string, string] => [`Not ${deviceName(device)}`, reason]),
    ...(model.device === 'wasm' ? [['Threads', threads] as [string, string]] : []),
    ['Download', formatBytes(downloadBytes)],
    ['Time to load', formatTime(model.loadMs)],
    ['Time to sample', formatTime(sampleMs)],
  ];
  find('fact-list').replaceChildren(
    ...facts.flatMap(([name, value]) => {
      const term = document.createElement('dt');
      const detail = document.createElement('dd');
      term.textContent = name;
      detail.textContent = value;
      return [term, detail];
    }),
  );
  find('facts').hidden = false;
}

/** `64 samples with seed 42 in 120 ms on WASM` */
export function sampleLine(count: number, seed: number, sampleMs: number, device: string): string {
  const samples = count === 1 ? '1 sample' : `${count} samples`;
  return `${samples} with seed ${seed} in ${formatTime(sampleMs)} on ${deviceName(device)}`;
}

/** Bytes in decimal units. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Milliseconds below one second, else seconds. */
export function formatTime(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
