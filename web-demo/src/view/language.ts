/** `fallback` in place of what is no language tag, such as `C`, which WebKit reports under the locale C. */
export function usableLanguage(language: string | undefined, fallback = 'en'): string {
  try {
    return Intl.getCanonicalLocales(language)[0] ?? fallback;
  } catch {
    return fallback;
  }
}

/**
 * Makes the browser name a language that `Intl` takes. A library that gives it `navigator.language` as it is, uPlot
 * among them, would throw as it is loaded, and the page with it.
 */
export function mendLanguage(browser: { readonly language: string }): void {
  const language = usableLanguage(browser.language);
  if (language === browser.language) return;
  Object.defineProperty(browser, 'language', { configurable: true, get: () => language });
}

if (typeof navigator !== 'undefined') mendLanguage(navigator);
