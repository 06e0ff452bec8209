// Device ids as people type them: whole (in any case), or any prefix that only one device has.
import { didYouMean } from '../config/did-you-mean.ts';
import { findDeviceIds } from '../db/devices/find-device-ids.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { AfdError } from '../domain/errors.ts';

const TOLD = 20;

/**
 * The id that was meant. `command` is what to try with a whole id, e.g. `afd devices show`.
 * @throws AfdError E_NOT_FOUND; E_USAGE when several begin so; DatabaseError
 */
export async function resolveDeviceId(
  session: Session,
  names: TableNames,
  typed: string,
  command: string,
): Promise<string> {
  const found = await findDeviceIds(session, names, typed, TOLD);
  const [first] = found;
  if (first !== undefined && (found.length === 1 || first.toLowerCase() === typed.toLowerCase())) return first;
  if (first === undefined) {
    const near = didYouMean(typed, await findDeviceIds(session, names, '', 1000));
    throw new AfdError('E_NOT_FOUND', `There is no device "${typed}".`, {
      suggestions: [near === undefined ? 'afd devices ls' : `${command} ${near}`],
      data: { device_id: typed },
    });
  }
  const more = found.length === TOLD ? ', …' : '';
  throw new AfdError('E_USAGE', `The prefix "${typed}" matches several devices: ${found.join(', ')}${more}.`, {
    suggestions: [`${command} ${first}`],
    data: { device_id: typed, matches: found },
  });
}
