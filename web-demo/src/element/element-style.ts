/** The element's look. Its colours are custom properties that a page may set from outside. */
export const elementStyle = `
:host {
  --generatrix-ink: light-dark(#1b1e22, #e7e9eb);
  --generatrix-muted: light-dark(#5c636b, #a0a7ae);
  --generatrix-line: light-dark(#d4d7da, #3a3f45);
  --generatrix-panel: light-dark(#ffffff, #1f2226);
  --generatrix-accent: light-dark(#2f5d8a, #8ab8e6);
  --generatrix-error: light-dark(#a3261d, #ffb4ab);
  color-scheme: light dark;
  display: inline-block;
  width: 20rem;
  max-width: 100%;
  color: var(--generatrix-ink);
  font: 0.9375rem / 1.4 system-ui, sans-serif;
}
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
figure {
  display: grid;
  gap: 0.6rem;
  margin: 0;
  padding: 0.75rem;
  border: 1px solid var(--generatrix-line);
  border-radius: 10px;
  background: var(--generatrix-panel);
}
.stage { display: grid; min-height: 4rem; }
.stage > * { grid-area: 1 / 1; width: 100%; border-radius: 4px; }
.stage img, .stage canvas.pixels { image-rendering: pixelated; }
.stage img { transition: opacity 0.2s; }
.row { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; }
button {
  min-height: 2.25rem;
  padding: 0.3rem 0.8rem;
  border: 1px solid var(--generatrix-accent);
  border-radius: 6px;
  background: transparent;
  color: var(--generatrix-accent);
  font: inherit;
  font-weight: 600;
  cursor: pointer;
}
button:disabled { opacity: 0.5; cursor: default; }
:focus-visible { outline: 3px solid var(--generatrix-accent); outline-offset: 2px; }
progress { width: 100%; accent-color: var(--generatrix-accent); }
p { margin: 0; color: var(--generatrix-muted); font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
p.error { color: var(--generatrix-error); }
.badge {
  margin-left: auto;
  padding: 0.1rem 0.5rem;
  border: 1px solid var(--generatrix-line);
  border-radius: 1rem;
  color: var(--generatrix-muted);
  font-size: 0.8125rem;
}
@media (prefers-reduced-motion: reduce) { .stage img { transition: none; } }
`;
