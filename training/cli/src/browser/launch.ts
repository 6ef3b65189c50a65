import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { findChromium } from './find-chromium.ts';

/**
 * The address bar of every context's window would load two pages of Chromium's own for its list of suggestions: half a
 * second of a core that nobody sees. Chromium heeds the last such flag alone, so those of playwright's that concern
 * pages stand here again.
 */
const disabledFeatures = [
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  'AimEnabled',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsFirstBalancedModeAutoEnable',
  'HttpsUpgrades',
  'LensOverlay',
  'MediaRouter',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PaintHolding',
  'PreconnectToSearch',
  'ThirdPartyStoragePartitioning',
];

const commonFlags = [
  '--no-sandbox', // Chromium refuses its sandbox to root, which containers usually are
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--disable-features=${disabledFeatures}`,
];
const plainFlags = ['--disable-gpu'];
/** SwiftShader: a software WebGPU adapter, so that the tests need no graphics card. */
const webgpuFlags = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--ignore-gpu-blocklist',
];

/**
 * Starts headless Chromium, with WebGPU on a software adapter when asked.
 * @param options.flags further flags of Chromium's command line
 * @throws with the reason when there is no Chromium; call `findChromium` first to skip instead.
 */
export async function launchChromium(
  options: { readonly webgpu?: boolean; readonly flags?: readonly string[] } = {},
): Promise<Browser> {
  const found = findChromium();
  if ('reason' in found) throw new Error(found.reason);
  const flags = [...commonFlags, ...(options.webgpu ? webgpuFlags : plainFlags), ...(options.flags ?? [])];
  return chromium.launch({ executablePath: found.path, headless: true, args: flags });
}

/** What went wrong on a page, as it happened: one line each. */
export interface PageTroubles {
  readonly page: Page;
  readonly lines: readonly string[];
  /** Drops the lines that a test provoked on purpose. */
  forgive(pattern: RegExp): void;
}

/**
 * Opens a page in a context and collects console errors and warnings, uncaught errors, failed requests, error
 * statuses and requests that leave `origin`; workers included.
 */
export async function openWatchedPage(context: BrowserContext, origin: string): Promise<PageTroubles> {
  const page = await context.newPage();
  let lines: string[] = [];
  const home = new URL(origin).origin;
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      lines.push(`console ${message.type()}: ${message.text()}`);
    }
  });
  page.on('pageerror', (error) => lines.push(`uncaught: ${error.message}`));
  page.on('crash', () => lines.push('the page crashed'));
  page.on('request', (request) => {
    const url = new URL(request.url());
    const local = url.protocol === 'data:' || url.protocol === 'blob:' || url.origin === home;
    if (!local) lines.push(`foreign request: ${request.url()}`);
  });
  page.on('requestfailed', (request) => {
    lines.push(`failed request: ${request.url()}: ${request.failure()?.errorText ?? 'unknown'}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) lines.push(`status ${response.status()}: ${response.url()}`);
  });
  return {
    page,
    get lines() {
      return lines;
    },
    forgive(pattern) {
      lines = lines.filter((line) => !pattern.test(line));
    },
  };
}
