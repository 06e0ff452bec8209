// Asks for the time zone of an adopted table on a terminal; without one, --yes or a setting must confirm it.
import { createInterface } from 'node:readline/promises';
import { type Adoption, refuseZone } from '../../core/migrate/adopt.ts';

/** The time zone to store; undefined when there is nothing to confirm. @throws AfdError E_CONFIG */
export async function confirmZone(
  adoption: Adoption | null,
  flags: { yes: boolean; 'daylight-saving': boolean },
  quiet: boolean,
): Promise<string | undefined> {
  if (adoption === null) return undefined;
  const { zone, from, contradicted } = adoption.time_zone;
  const certain = flags.yes || (from === 'setting' && !contradicted);
  const agreed = certain || (process.stdin.isTTY === true && !quiet && (await ask(adoption)));
  refuseZone(adoption, { agreed, daylightSaving: flags['daylight-saving'] });
  return zone;
}

async function ask(adoption: Adoption): Promise<boolean> {
  const { renderAdoption } = await import('../render/migration-plan.ts');
  process.stderr.write(`${renderAdoption(adoption)}\n`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(
    `Are the times of ${adoption.table} in time zone ${adoption.time_zone.zone}? [y/N] `,
  );
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
