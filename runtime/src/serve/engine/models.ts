import { messageOf, UserError } from '../../errors.ts';
import { createQueue } from '../../program/queue.ts';
import type { EngineObserver, RefusedModel, ServedModel } from './engine.ts';
import { ServeError } from './engine.ts';
import { type FoundBundle, folderExists, readModelFolder } from './folder.ts';
import type { Inspector } from './inspector.ts';
import type { ModelLimits } from './limits.ts';
import { LoadedModel } from './loaded-model.ts';
import type { Slot, WorkerPool } from './pool.ts';

interface Entry {
  readonly name: string;
  readonly version: string;
  folder: string;
  current: LoadedModel | null;
  refusal: RefusedModel | null;
  /** Of the state that was last loaded or refused, and of the one last seen. */
  processed: string;
  seen: string;
}

export interface RegistryOptions {
  readonly folder: string;
  readonly pool: WorkerPool;
  readonly inspector: Inspector;
  readonly limitsOf: (name: string) => ModelLimits;
  /** Names of the bundles to serve until `load` and `unload` say otherwise; all there are when absent. */
  readonly only?: readonly string[] | undefined;
  readonly onChange: NonNullable<EngineObserver['modelChanged']>;
}

/** Which models are served, and in which versions. A changed bundle takes over only when it was found whole and compiled. */
export class ModelRegistry {
  readonly #options: RegistryOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #passing = new Set<LoadedModel>();
  /** What `list` says, until one of those changes: every request of the protocol asks for it. */
  #listed: readonly ServedModel[] | null = null;
  readonly #inTurn = createQueue();
  /** Names of what is to be served; null: everything. */
  readonly #chosen: Set<string> | null;
  #inFolder: readonly FoundBundle[] = [];
  #unreadable: RefusedModel | null = null;
  #nextId = 0;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#chosen = options.only ? new Set(options.only) : null;
  }

  /** What is served, in order of name and version; where nothing is, a model that is loading or draining. */
  list(): readonly ServedModel[] {
    this.#listed ??= this.#sorted();
    return this.#listed;
  }

  #sorted(): ServedModel[] {
    const current = [...this.#entries.values()].flatMap((entry) => entry.current ?? []);
    const known = new Set(current.map(keyOf));
    const passing = [...this.#passing].filter((model) => {
      const isNew = !known.has(keyOf(model));
      known.add(keyOf(model));
      return isNew;
    });
    return [...current, ...passing].sort(
      (a, b) => compareText(a.name, b.name) || Number(a.version) - Number(b.version),
    );
  }

  refused(): RefusedModel[] {
    const refusals = [...this.#entries.values()].flatMap((entry) => entry.refusal ?? []);
    return [...(this.#unreadable ? [this.#unreadable] : []), ...refusals];
  }

  /** Bundles of the folder that are served only when `load` names them. */
  unloaded(): FoundBundle[] {
    return this.#inFolder.filter(({ name }) => !this.#isChosen(name));
  }

  /** Whether all that was found is served and well: a refused bundle counts as served where an earlier state of it is. */
  allWell(): boolean {
    return [...this.#entries.values()].every(({ current, refusal }) =>
      current ? current.state === 'ready' : refusal === null,
    );
  }

  /**
   * Loads a bundle by name, or loads again what changed of it.
   * @throws ServeError `not-found`, or `bad-request` when the bundle is refused; what was served of it stays.
   */
  async load(name: string): Promise<void> {
    this.#chosen?.add(name);
    await this.refresh(false, { only: name });
    const entries = this.#entriesOf(name);
    if (entries.length === 0) {
      this.#chosen?.delete(name);
      throw new ServeError('not-found', `there is no bundle '${name}' in the models folder`);
    }
    const refused = entries.flatMap(({ refusal }) => refusal?.version ?? []);
    if (refused.length === 0) return;
    const message = `model ${name}: version ${refused.join(', ')} was refused; the log says why`;
    throw new ServeError('bad-request', message);
  }

  /**
   * Serves a model no more, in none of its versions, but to those who were accepted.
   * @throws ServeError `not-found`.
   */
  unload(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const entries = this.#entriesOf(name);
      if (entries.length === 0) throw new ServeError('not-found', `there is no model '${name}'`);
      this.#chosen?.delete(name);
      for (const entry of entries) this.#remove(entry);
    });
  }

  /** @throws ServeError `not-found`. */
  find(name: string, version?: string): LoadedModel {
    const served = [...this.#entries.values()].flatMap(({ current }) => current ?? []);
    const versions = served.filter((model) => model.name === name);
    const [newest] = versions.sort((a, b) => Number(b.version) - Number(a.version));
    const found = version === undefined ? newest : versions.find((model) => model.version === version);
    if (found) return found;
    if (newest) {
      const known = versions.map((model) => model.version).join(', ');
      throw new ServeError('not-found', `model ${name} has no version ${version} (it has: ${known})`);
    }
    throw new ServeError('not-found', `there is no model '${name}'`);
  }

  /**
   * Looks at the folder, loads what is new or changed and unloads what was removed.
   * @param settledOnly leaves what changed since the last look to the next one: it may be half copied. What was
   *   refused is tried again only when it changed.
   * @param only the name to look at; all when absent
   * @param idle a place whose worker has nothing to do yet, to inspect bundles: saves the start of another
   * @throws UserError when the folder cannot be read; what is served stays.
   */
  refresh(
    settledOnly: boolean,
    { only, idle }: { readonly only?: string; readonly idle?: Slot | undefined } = {},
  ): Promise<void> {
    return this.#inTurn(async () => {
      const { folder, inspector } = this.#options;
      const contents = await readModelFolder(folder).catch((error: unknown) => {
        const reason = `models folder ${folder} cannot be read: ${messageOf(error)}`;
        this.#unreadable = { name: '(folder)', version: '', reason };
        throw new UserError(reason);
      });
      this.#unreadable = null;
      this.#inFolder = contents.found;
      const wanted = ({ name }: { readonly name: string }) =>
        this.#isChosen(name) && (only === undefined || name === only);
      for (const found of contents.found.filter(wanted)) await this.#look(found, settledOnly, idle);
      for (const refusal of contents.refused.filter(wanted))
        this.#refuse(this.#entry(refusal), refusal.reason);
      const present = new Set([...contents.found, ...contents.refused].map(keyOf));
      for (const [key, entry] of this.#entries)
        if (wanted(entry) && !present.has(key)) await this.#missing(entry);
      await inspector.close();
    });
  }

  async #look(found: FoundBundle, settledOnly: boolean, idle?: Slot): Promise<void> {
    const entry = this.#entry(found);
    const { seen } = entry;
    entry.folder = found.folder;
    entry.seen = found.fingerprint;
    if (entry.processed === found.fingerprint && (settledOnly || !entry.refusal)) return;
    if (settledOnly && seen !== found.fingerprint) return;
    try {
      await this.#load(entry, found, idle);
      entry.refusal = null;
    } catch (error) {
      this.#refuse(entry, messageOf(error));
    }
    entry.processed = found.fingerprint;
  }

  async #load(entry: Entry, found: FoundBundle, idle?: Slot): Promise<void> {
    const { pool, inspector, limitsOf, onChange } = this.#options;
    const limits = limitsOf(entry.name);
    const inspected = await inspector.inspect(
      found.folder,
      limits.timeoutMs,
      idle?.worker?.device === 'cpu' ? idle.worker : null,
    );
    const old = entry.current;
    if (old?.digest === inspected.digest) return;
    const model = new LoadedModel(this.#nextId++, found, inspected, limits);
    this.#pass(model, true);
    try {
      await pool.tryOut(model);
    } finally {
      this.#pass(model, false);
    }
    model.phase = 'ready';
    entry.current = model;
    this.#listed = null;
    const { name, version } = entry;
    onChange({ name, version, change: old ? 'replaced' : 'loaded' });
    if (old) this.#retire(old);
  }

  /** The old model serves what it has accepted. */
  #retire(model: LoadedModel): void {
    model.phase = 'draining';
    this.#pass(model, true);
    model.onIdle = () => {
      model.onIdle = null;
      this.#pass(model, false);
      this.#options.pool.unload(model);
    };
    if (model.open === 0) model.onIdle();
  }

  #pass(model: LoadedModel, isPassing: boolean): void {
    if (isPassing) this.#passing.add(model);
    else this.#passing.delete(model);
    this.#listed = null;
  }

  async #missing(entry: Entry): Promise<void> {
    const { current } = entry;
    entry.processed = '';
    if (current && (await folderExists(entry.folder))) {
      this.#refuse(entry, `bundle ${entry.folder}: model.json is missing`);
      return;
    }
    this.#remove(entry);
  }

  #remove(entry: Entry): void {
    const { name, version, current } = entry;
    this.#entries.delete(keyOf(entry));
    this.#listed = null;
    if (!current) return;
    this.#options.onChange({ name, version, change: 'removed' });
    this.#retire(current);
  }

  #refuse(entry: Entry, reason: string): void {
    const { name, version, refusal } = entry;
    entry.refusal = { name, version, reason };
    if (refusal?.reason !== reason) this.#options.onChange({ name, version, change: 'refused', reason });
  }

  #isChosen(name: string): boolean {
    return this.#chosen?.has(name) ?? true;
  }

  #entriesOf(name: string): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.name === name);
  }

  #entry({ name, version }: { readonly name: string; readonly version: string }): Entry {
    const key = keyOf({ name, version });
    const entry = this.#entries.get(key) ?? {
      name,
      version,
      folder: '',
      current: null,
      refusal: null,
      processed: '',
      seen: '',
    };
    this.#entries.set(key, entry);
    return entry;
  }
}

function keyOf({ name, version }: { readonly name: string; readonly version: string }): string {
  return `${name}/${version}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
