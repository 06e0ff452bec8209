// The design document registers a device with `capabilities.max_concurrent` (5.1.1): how many tasks it runs at once.

/** Most that the column holds. */
const MOST = 2_147_483_647;

/** Slots that capabilities name; undefined = none, or nothing that is a number of slots. */
export function slotsOf(capabilities: unknown): number | undefined {
  if (typeof capabilities !== 'object' || capabilities === null) return undefined;
  const slots: unknown = (capabilities as Record<string, unknown>).max_concurrent;
  return typeof slots === 'number' && Number.isInteger(slots) && slots >= 1 && slots <= MOST ? slots : undefined;
}
