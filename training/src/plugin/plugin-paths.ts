import type { PluginFile } from './plugin-file.ts';

/** Settings that may name modules of the user's. */
interface NamesModules {
  readonly plugin?: PluginFile | undefined;
  readonly data?: (object & { readonly plugin?: unknown }) | undefined;
}

/**
 * Settings whose paths of modules are changed: files hold them relative to their own folder, so that a project can be
 * moved or cloned with its runs; in memory they are absolute.
 */
export function withPluginPaths<Settings extends NamesModules>(
  settings: Settings,
  change: (path: string) => string,
): Settings {
  const { plugin, data } = settings;
  return {
    ...settings,
    ...(plugin && { plugin: { ...plugin, path: change(plugin.path) } }),
    ...(typeof data?.plugin === 'string' && { data: { ...data, plugin: change(data.plugin) } }),
  };
}
