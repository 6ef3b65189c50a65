/** A name of a layer's tensor as a port has it: letters, digits, `_` and `-`. */
export function plain(name: string): string {
  return name.replace(/[^\w-]/g, '_');
}

/** Names that differ from each other and from those taken, by a number at the end where needed. */
export function distinct(names: readonly string[], taken: readonly string[]): string[] {
  const used = new Set(taken);
  return names.map((name) => {
    let candidate = name;
    for (let i = 2; used.has(candidate); i++) candidate = `${name}_${i}`;
    used.add(candidate);
    return candidate;
  });
}
