/** The report's style sheet: one column on a phone, light or dark as the reader's system is. */
export const reportStyle = `
:root {
  color-scheme: light dark;
  --background: #ffffff; --text: #1d2127; --muted: #59616c; --line: #dde1e6; --panel: #f6f7f9;
  --train: #0062b1; --held-out: #b24a00;
  --curve-0: #0062b1; --curve-1: #b24a00; --curve-2: #00795a; --curve-3: #a02c86;
  --curve-4: #7a6200; --curve-5: #5b4bc4; --curve-6: #b3261e; --curve-7: #3e6a7a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --background: #15181c; --text: #e6e9ed; --muted: #a3adb8; --line: #343a42; --panel: #1d2126;
    --train: #6cb6ff; --held-out: #ffa657;
    --curve-0: #6cb6ff; --curve-1: #ffa657; --curve-2: #4ccfa2; --curve-3: #f092d8;
    --curve-4: #d9bf4a; --curve-5: #a99cff; --curve-6: #ff8b82; --curve-7: #93c3d4;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 1.5rem 1rem 3rem; background: var(--background); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
}
main { max-width: 70rem; margin: 0 auto; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.75rem; padding-bottom: 0.3rem; border-bottom: 1px solid var(--line); }
ul { margin: 0; padding-left: 1.2rem; }
li { overflow-wrap: anywhere; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; margin-bottom: 0.4rem; overflow-wrap: anywhere; }
figcaption small { font-weight: 400; color: var(--muted); }
figcaption .sources { display: block; }
.text { margin: 0 0 0.75rem; color: var(--muted); }
audio { max-width: 100%; }
.charts { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); }
.charts figure { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 0.75rem; }
.plot { min-height: 260px; }
.uplot .u-legend { color: var(--text); text-align: left; }
.samples { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
.samples img { display: block; max-width: 100%; height: auto; image-rendering: pixelated; border: 1px solid var(--line); }
.table { overflow-x: auto; }
table.values { border-collapse: collapse; font-variant-numeric: tabular-nums; }
table.values th, table.values td { text-align: left; vertical-align: top; padding: 0.3rem 1.2rem 0.3rem 0; border-bottom: 1px solid var(--line); }
table.values th[scope="row"] { font-weight: 500; color: var(--muted); }
table.pairs td { overflow-wrap: anywhere; }
table.pairs th[scope="row"] { overflow-wrap: anywhere; min-width: 7rem; }
table.numbers td, table.numbers th { white-space: nowrap; }
:focus-visible { outline: 2px solid var(--train); outline-offset: 2px; }
@media print { .charts figure, .samples figure { break-inside: avoid; } }
`;
