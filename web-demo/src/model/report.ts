import { deviceLine, deviceName, formatBytes, formatTime } from '../view/text.ts';
import type { RemoteSampler } from '../worker/remote-sampler.ts';

/** What the page is doing; also its `data-state`, which the style sheet and the tests read. */
export type PageState = 'starting' | 'loading' | 'sampling' | 'ready' | 'stopped' | 'failed';

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
export function showFacts(model: RemoteSampler, sampleMs: number): void {
  const { family, data } = model.manifest;
  const passedOver = model.deviceReports.filter(({ available }) => !available);
  const threads = crossOriginIsolated ? 'available (cross-origin isolated page)' : 'one (page not isolated)';
  const facts: [string, string][] = [
    ['Model', `${family}, trained on ${data.name}`],
    ['Device', deviceLine(model.device, model.deviceNote)],
    ...passedOver.map(({ device, reason }): [string, string] => [`Not ${deviceName(device)}`, reason]),
    ...model.deviceReports
      .filter(({ available, reason }) => available && reason !== '')
      .map(({ reason }): [string, string] => ['Check', reason]),
    ...(model.device === 'wasm' ? [['Threads', threads] as [string, string]] : []),
    [
      'Download of the model',
      model.downloadBytes === 0 ? 'none: kept from before' : formatBytes(model.downloadBytes),
    ],
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
