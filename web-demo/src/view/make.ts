/** Properties, attributes (with a dash, or `role`) and listeners (`onclick` and the like) of an element. */
type Setup = Readonly<Record<string, unknown>>;

/** Makes an element with its setup and children: markup without a template language. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  setup: Setup = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(setup)) {
    if (value === undefined) continue;
    if (name.startsWith('on') && typeof value === 'function') {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (
      name.includes('-') ||
      name === 'role' ||
      name === 'part' ||
      name === 'for' ||
      name === 'list'
    ) {
      element.setAttribute(name, String(value));
    } else {
      (element as unknown as Record<string, unknown>)[name] = value;
    }
  }
  element.append(...children);
  return element;
}

let last = 0;

/** A box with its label. `name` is the box's name. */
export function field(label: string, box: HTMLElement, className = 'field'): HTMLDivElement {
  last += 1;
  box.id ||= `generatrix-box-${last}`;
  return make('div', { className }, make('label', { for: box.id }, label), box);
}
