import { type SchemaState, sentenceOfUnknown } from '../../core/context/schema-state.ts';
import { counted } from '../../core/counted.ts';
import type { Adoption } from '../../core/migrate/adopt.ts';
import type { MigrationPlan } from '../../core/migrate/migrate.ts';
import { colours } from './colour.ts';
import { renderFindings } from './migration-plan.ts';

interface Done {
  applied: string[];
  statements: string[];
  adoption: Adoption | null;
  adopted_tables: MigrationPlan['adopted_tables'];
}

export function renderApplied({ applied, statements, adoption, adopted_tables }: Done): string {
  if (applied.length + statements.length === 0) return 'The schema is up to date. Nothing was changed.';
  const lines: string[] = [];
  if (applied.length > 0) {
    lines.push(`Applied ${applied.length} migration${applied.length === 1 ? '' : 's'}:`);
    lines.push(...applied.map((name) => `  ${name}`));
  } else
    lines.push(
      `Ran ${statements.length} statement${statements.length === 1 ? '' : 's'}:`,
      ...statements.map((sql) => `  ${sql}`),
    );
  if (adoption !== null) {
    const { table, rows, time_zone: zone } = adoption;
    lines.push(`Adopted ${table} (${counted(rows, 'row')} unchanged); its times are in time zone ${zone.zone}.`);
    lines.push(...renderFindings(adoption));
  }
  for (const one of adopted_tables) {
    lines.push(`Adopted ${one.table} (${counted(one.rows, 'row')}).`, ...renderFindings(one));
  }
  return lines.join('\n');
}

export function renderMigrations(state: SchemaState, colour: boolean): string {
  const paint = colours(colour);
  const lines = [
    ...state.applied.map((name) => `  ${paint.green('applied')}  ${name}`),
    ...state.pending.map((name) => `  ${paint.yellow('pending')}  ${name}`),
    ...state.unknown.map((name) => `  ${paint.red('unknown')}  ${name}`),
    ...state.missing.map((part) => `  ${paint.yellow('missing')}  ${part}`),
  ];
  const unknown = sentenceOfUnknown(state);
  if (unknown !== undefined) lines.push(unknown);
  else if (state.pending.length > 0) lines.push('Run "afd migrate up" to apply the pending migrations.');
  else if (state.missing.length > 0) lines.push('Run "afd migrate up" to add the missing parts.');
  else lines.push('The schema is up to date.');
  return lines.join('\n');
}
