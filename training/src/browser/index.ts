/** Headless Chromium for parity checks and tests. */
export { type ChromiumFound, ensureChromium } from './ensure-chromium.ts';
export { launchChromium, openWatchedPage, type PageTroubles } from './launch.ts';
export { browserParity } from './site-parity.ts';
