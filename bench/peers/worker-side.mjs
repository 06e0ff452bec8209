// What the worker scripts share.
import { once } from 'node:events';

/** What the adapter gave to `forkedFleet`. */
export const settings = JSON.parse(process.env.BENCH_SETTINGS);

/** Says that the process is connected, and waits until it may take tasks. */
export async function untilGo() {
  process.send('ready');
  await once(process, 'message');
}
