import {
  checkParity,
  createExecutor,
  type DeviceRequest,
  messageOf,
  openBundle,
  type ParityRow,
  webSource,
} from '@generatrix/runtime/web';
import { setEngine } from './cache/engine-files.ts';
import { toEntry } from './model-list.ts';

/** Shows the rows as a table and leaves them as JSON in `data-rows`, for scripts that drive the page. */
function show(device: string, rows: readonly ParityRow[]): void {
  const table = document.querySelector<HTMLTableElement>('#rows')!;
  for (const { program, output, maxAbsoluteError, maxRelativeError, flips, passed } of rows) {
    const errors = [maxAbsoluteError.toExponential(1), maxRelativeError.toExponential(1)];
    const cells = [program, output, ...errors, String(flips)];
    const line = table.tBodies[0]!.insertRow();
    for (const text of [...cells, passed ? 'yes' : 'NO']) line.insertCell().textContent = text;
  }
  const box = table.parentElement!;
  box.hidden = false;
  box.tabIndex = 0; // so that the keyboard can scroll it
  const main = document.getElementById('main')!;
  main.dataset.rows = JSON.stringify(rows);
  finish(`Checked on ${device}`, 'ready');
}

function finish(message: string, state: 'ready' | 'unavailable' | 'failed'): void {
  document.getElementById('status')!.textContent = message;
  document.getElementById('main')!.dataset.state = state;
}

async function run(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const model = query.get('model');
  if (!model) throw new Error('the address must say which model to check, as ?model=models/NAME');
  setEngine({ folder: new URL('ort/', document.baseURI).href });
  const executor = await createExecutor((query.get('device') ?? 'auto') as DeviceRequest).catch(
    (error: unknown) => finish(messageOf(error), 'unavailable'),
  );
  if (executor === undefined) return;
  const { url } = toEntry(model, model, document.baseURI);
  show(executor.device, await checkParity(await openBundle(webSource(url)), executor));
}

run().catch((error: unknown) => finish(messageOf(error), 'failed'));
