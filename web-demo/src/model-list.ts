/** A model that the page offers. */
export interface ModelEntry {
  readonly title: string;
  /** Absolute address of the bundle's folder. */
  readonly url: string;
  /** As the list or the address bar gave it: what `?model=` holds. */
  readonly path: string;
}

/**
 * The models of `models/index.json`, a list of `{name, path, title}` with paths relative to the page, and in
 * front of them the bundle that `?model=` asks for when the list lacks it.
 * @param base the page's address, without its query
 * @throws when there is neither, or the list is not such a list, or the wanted bundle lies on another origin.
 */
export async function listModels(base: string, wanted: string | null): Promise<ModelEntry[]> {
  const listed = await fetchList(new URL('models/index.json', base), wanted !== null);
  const entries = listed.map((item) => toEntry(item.path, item.title ?? item.name ?? item.path, base));
  if (wanted === null) return entries;
  const entry = toEntry(wanted, wanted.replace(/\/+$/, '').split('/').pop() || wanted, base);
  return entries.some(({ url }) => url === entry.url) ? entries : [entry, ...entries];
}

/** @throws when the path leads to another origin: the page asks nobody but its own server. */
export function toEntry(path: string, title: string, base: string): ModelEntry {
  const url = new URL(path.endsWith('/') ? path : `${path}/`, base);
  if (url.origin !== new URL(base).origin) {
    throw new Error(`model ${path}: lies on another origin; this page loads from its own server only`);
  }
  return { title, url: url.href, path };
}

interface ListItem {
  readonly path: string;
  readonly name?: string;
  readonly title?: string;
}

async function fetchList(url: URL, optional: boolean): Promise<ListItem[]> {
  const response = await fetch(url);
  if (!response.ok) {
    if (optional) return [];
    throw new Error(
      `no models: ${url.pathname} answered ${response.status}; put a bundle there or add ?model=PATH to the address`,
    );
  }
  const list: unknown = await response.json().catch(() => undefined);
  if (!isList(list)) throw new Error(`${url.pathname}: expected a list of {name, path, title}`);
  if (list.length === 0 && !optional) throw new Error(`no models: the list ${url.pathname} is empty`);
  return list;
}

function isList(value: unknown): value is ListItem[] {
  const isText = (field: unknown) => field === undefined || typeof field === 'string';
  return (
    Array.isArray(value) &&
    value.every(
      (item: ListItem | null) =>
        typeof item === 'object' &&
        item !== null &&
        typeof item.path === 'string' &&
        isText(item.name) &&
        isText(item.title),
    )
  );
}
