import { openWatchedPage, type PageTroubles } from 'generatrix/browser';
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { waitUntilIdle } from './demo-page.ts';
import { type OpenChromium, openChromium } from './open-chromium.ts';
import { type StaticServer, serveFolder } from './serve.ts';
import { makeSite, type SiteFixture } from './site-fixture.ts';

interface OpenOptions extends BrowserContextOptions {
  readonly device?: 'wasm' | 'webgpu';
  /** On the server that isolates the page across origins. */
  readonly isolated?: boolean;
}

/** The site and its models, served as it is and cross-origin isolated, and the page that a test has opened. */
export class SitePages {
  fixture!: SiteFixture;
  server!: StaticServer;
  isolatedServer!: StaticServer;
  /** Of the page that was opened last. */
  watched!: PageTroubles;
  readonly #settings: BrowserContextOptions;
  readonly #browsers = new Map<'wasm' | 'webgpu', OpenChromium>();
  #context: BrowserContext | undefined;
  /** Requests that were answered before the page was opened. */
  #before = 0;

  constructor(settings: BrowserContextOptions) {
    this.#settings = settings;
  }

  /** Opens a page for the test. */
  async open({ device = 'wasm', isolated = false, ...settings }: OpenOptions = {}): Promise<Page> {
    const browser = this.#browsers.get(device) ?? (await openChromium({ webgpu: device === 'webgpu' }));
    this.#browsers.set(device, browser);
    this.#context = await browser.newContext({ ...this.#settings, ...settings });
    this.#before = this.server.requests.length;
    const { url } = isolated ? this.isolatedServer : this.server;
    this.watched = await openWatchedPage(this.#context, url);
    return this.watched.page;
  }

  /** Opens the page of a model, and waits for its four samples. */
  async openModel(name: string): Promise<Page> {
    const page = await this.open();
    await page.goto(`${this.server.url}model.html?model=models/${name}&device=wasm&count=4`);
    expect(await waitUntilIdle(page)).toBe('ready');
    return page;
  }

  /** Waits until the page keeps, for visits without a network, every module that it was served. */
  async waitUntilKept(page: Page): Promise<void> {
    const served = this.server.requests.slice(this.#before).map(({ path }) => path);
    const modules = served.filter((path) => path.endsWith('.mjs'));
    expect(modules).not.toEqual([]);
    await page.waitForFunction(async (paths) => {
      const kept = await (await caches.open('generatrix-page-v1')).keys();
      return paths.every((path) => kept.some(({ url }) => new URL(url).pathname === path));
    }, modules);
  }

  /** Takes the page off the network. */
  async goOffline(): Promise<void> {
    await this.#context!.setOffline(true);
  }

  async start(): Promise<void> {
    this.fixture = await makeSite();
    const mounts = { '/models/': this.fixture.models };
    this.server = await serveFolder(this.fixture.site, { mounts });
    this.isolatedServer = await serveFolder(this.fixture.site, { mounts, isolated: true });
  }

  /** Ends a test: nothing may have gone wrong that it does not forgive. */
  async check(): Promise<void> {
    await this.#context!.close();
    this.watched.forgive(/ERR_ABORTED/); // what was on its way when it was overtaken
    expect(this.watched.lines, 'console, network and page errors').toEqual([]);
  }

  async stop(): Promise<void> {
    for (const browser of this.#browsers.values()) await browser.close();
    await this.server?.close();
    await this.isolatedServer?.close();
    await this.fixture?.remove();
  }
}

/** The pages of a block of tests, which starts and ends them. */
export function sitePages(settings: BrowserContextOptions = {}): SitePages {
  const pages = new SitePages({ viewport: { width: 1280, height: 900 }, ...settings });
  beforeAll(() => pages.start(), 240_000);
  afterEach(() => pages.check());
  afterAll(() => pages.stop());
  return pages;
}
