import type { SchemaState } from '../../core/migrations.ts';
import { colours } from '../colour.ts';

export function renderApplied({ applied }: { applied: string[] }): string {
  if (applied.length === 0) return 'The schema is up to date: nothing to do.';
  return `Applied ${applied.length} migration${applied.length === 1 ? '' : 's'}:\n${applied.map((name) => `  ${name}`).join('\n')}`;
}

export function renderMigrations(state: SchemaState, colour: boolean): string {
  const paint = colours(colour);
  const lines = [
    ...state.applied.map((name) => `  ${paint.green('applied')}  ${name}`),
    ...state.pending.map((name) => `  ${paint.yellow('pending')}  ${name}`),
    ...state.unknown.map((name) => `  ${paint.red('unknown')}  ${name}`),
  ];
  if (state.unknown.length > 0) lines.push('The schema is newer than this afd: update afd on this machine.');
  else if (state.pending.length > 0) lines.push('Run "afd migrate up" to apply what is pending.');
  else lines.push('The schema is up to date.');
  return lines.join('\n');
}
