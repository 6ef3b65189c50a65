/** Makes what depends on the rows that a request may ask for once for each number of rows, not for each request. */
export function perCount<T>(make: (maxCount: number) => T): (maxCount: number) => T {
  const made = new Map<number, T>();
  return (maxCount) => {
    const known = made.get(maxCount) ?? make(maxCount);
    made.set(maxCount, known);
    return known;
  };
}
