// How many tasks of a type a device runs at once, where its configuration says so (`handlers.*.max`). A worker publishes the numbers
// among its capabilities: `max_per_type`, an object of task types and numbers.

/** By task type; absent = as many as there are slots. */
export function typeMaxima(
  types: string[],
  handlers: Record<string, { max?: number | undefined }>,
): ReadonlyMap<string, number> {
  return new Map(
    types.flatMap((type) => {
      const max = Object.hasOwn(handlers, type) ? handlers[type]?.max : undefined;
      return max === undefined ? [] : [[type, max] as const];
    }),
  );
}

/** What goes among the capabilities. */
export function maximaPublished(maxima: ReadonlyMap<string, number>): { max_per_type?: Record<string, number> } {
  return maxima.size === 0 ? {} : { max_per_type: Object.fromEntries(maxima) };
}

/** What capabilities say of a type, also those that another program wrote; undefined = nothing. */
export function maxOfType({ max_per_type: all }: Record<string, unknown>, taskType: string): number | undefined {
  if (typeof all !== 'object' || all === null || !Object.hasOwn(all, taskType)) return undefined;
  const max: unknown = (all as Record<string, unknown>)[taskType];
  return typeof max === 'number' && Number.isInteger(max) && max >= 1 ? max : undefined;
}
