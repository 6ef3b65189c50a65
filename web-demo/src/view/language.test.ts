import { expect, test } from 'vitest';
import { mendLanguage, usableLanguage } from './language.ts';

test.each([
  ['C', 'en'],
  ['c', 'en'],
  ['', 'en'],
  [undefined, 'en'],
  ['de-AT', 'de-AT'],
  ['EN-us', 'en-US'],
])('%s is the language %s', (language, expected) => {
  expect(usableLanguage(language)).toBe(expected);
  expect(() => new Intl.NumberFormat(expected)).not.toThrow();
});

test('a browser that names the locale C is made to name a language that numbers can be written in', () => {
  const browser = { language: 'C' };
  expect(() => new Intl.NumberFormat(browser.language)).toThrow(RangeError);
  mendLanguage(browser);
  expect(() => new Intl.NumberFormat(browser.language)).not.toThrow();
});
