import { launchChromium } from 'generatrix/browser';
import type { Browser, BrowserContext } from 'playwright-core';

/**
 * Every page of a test compiles onnxruntime anew and runs it for a second or two: V8's quick compiler alone is enough,
 * its optimising one would take longer than it saves.
 */
const flags = ['--js-flags=--liftoff-only'];

/**
 * Milliseconds that a page has for what it should do. Tests share two cores with others and assert no times: this only
 * ends one that waits for what never comes, before the test's own limit would, and so says for what.
 */
const patience = 250_000;

/** What a test has of a Chromium: contexts of its own, which `close` closes. */
export interface OpenChromium {
  newContext: Browser['newContext'];
  /** A page in a context of its own. */
  newPage: Browser['newPage'];
  version(): string;
  close(): Promise<void>;
}

/** The browsers of this process; they end with it. */
const browsers = new Map<boolean, Promise<Browser>>();

/**
 * Headless Chromium for tests, with WebGPU on a software adapter when asked. Starting one takes longer than many a test:
 * files that share a process share the browser, and contexts keep them apart, storage and workers included.
 */
export async function openChromium(options: { readonly webgpu?: boolean } = {}): Promise<OpenChromium> {
  const browser = await running(options.webgpu ?? false);
  const contexts: BrowserContext[] = [];
  const newContext: Browser['newContext'] = async (settings) => {
    const context = await browser.newContext(settings);
    context.setDefaultTimeout(patience);
    contexts.push(context);
    return context;
  };
  return {
    newContext,
    newPage: async (settings) => (await newContext(settings)).newPage(),
    version: () => browser.version(),
    async close() {
      await Promise.all(contexts.splice(0).map((context) => context.close()));
    },
  };
}

async function running(webgpu: boolean): Promise<Browser> {
  const known = await browsers.get(webgpu)?.catch(() => undefined);
  if (known?.isConnected()) return known;
  const browser = launchChromium({ webgpu, flags });
  browsers.set(webgpu, browser);
  return browser;
}
