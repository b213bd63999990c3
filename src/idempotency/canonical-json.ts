/** @returns the same text for the same value, whatever the order of its fields */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value ?? {}, (_, inner: unknown) =>
    isPlain(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
