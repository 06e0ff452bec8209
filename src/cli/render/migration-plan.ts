// What `afd migrate` would do, as SQL that could be piped into a client: all else is a comment.

import { counted } from '../../core/counted.ts';
import type { Adoption } from '../../core/migrate/adopt.ts';
import type { MigrationPlan, Removal } from '../../core/migrate/migrate.ts';
import { printable } from './text.ts';

export function renderPlan({ statements, adoption, adopted_tables }: MigrationPlan): string {
  const sentences = [
    ...(adoption === null ? [] : renderAdoption(adoption).split('\n')),
    ...adopted_tables.flatMap((one) => [
      `The table ${one.table} exists and was not created by afd: ${counted(one.rows, 'row')}.`,
      ...renderFindings(one),
    ]),
  ];
  const about = sentences.map((line) => `-- ${line}`.trimEnd());
  return [...about, renderStatements(statements)].join('\n');
}

export function renderStatements(statements: string[]): string {
  if (statements.length === 0) return '-- Nothing to run.';
  return statements.map((sql) => `${sql};`).join('\n');
}

export function renderAdoption(adoption: Adoption): string {
  const { table, rows, statuses, time_zone: zone } = adoption;
  const counts = statuses.map(
    ({ status, rows: n }) => `${n} ${status === null ? 'NULL' : status === '' ? "''" : printable(status)}`,
  );
  const from = zone.from === 'setting' ? 'database.time_zone' : "the server's time_zone";
  return [
    `The table ${table} exists and was not created by afd: ${counted(rows, 'row')}${rows === 0 ? '' : ` (${counts.join(', ')})`}.`,
    `Its times are assumed to be in time zone ${zone.zone}${zone.zone === 'SYSTEM' ? ` = ${printable(zone.system)}` : ''}, according to ${from}. ${zone.evidence}`,
    ...(zone.daylight_saving ? ['This time zone has daylight saving time; pass --daylight-saving to accept it.'] : []),
    ...renderFindings(adoption),
  ].join('\n');
}

/** The statements with them are for a human: afd runs none of them. */
export function renderFindings({ findings }: Pick<Adoption, 'findings'>): string[] {
  return findings.flatMap(({ message, sql }) => [
    `* ${printable(message)}`,
    ...(sql === undefined ? [] : [`    ${sql}`]),
  ]);
}

export function renderRemoval({ removed, statements }: Removal): string {
  if (statements.length === 0) return 'This schema contains nothing that afd created.';
  return `Reverted ${counted(removed.length, 'migration')} with ${counted(statements.length, 'statement')}.`;
}
