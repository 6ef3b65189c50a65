/** Headless Chromium for parity checks and tests. */
export { type ChromiumFound, findChromium } from './find-chromium.ts';
export { launchChromium, openWatchedPage, type PageTroubles } from './launch.ts';
export { browserParity } from './site-parity.ts';
