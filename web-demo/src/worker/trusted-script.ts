/** The part of the browser's Trusted Types that is used here; TypeScript's library does not have them. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(address: string): string },
  ): { createScriptURL(address: string): string };
}

const policyKey = Symbol.for('generatrix.trusted-types');

/**
 * The address of one of this library's own scripts, for pages whose policy has `require-trusted-types-for 'script'`: their
 * `trusted-types` must name `generatrix`. Elsewhere it is the address itself.
 */
export function trustedScript(address: string): string {
  const page = globalThis as {
    trustedTypes?: TrustedTypes;
    [policyKey]?: ReturnType<TrustedTypes['createPolicy']>;
  };
  if (page.trustedTypes === undefined) return address;
  // One for the page, even when two copies of this library were loaded into it: a name can be taken once.
  page[policyKey] ??= page.trustedTypes.createPolicy('generatrix', { createScriptURL: (known) => known });
  return page[policyKey].createScriptURL(address);
}
