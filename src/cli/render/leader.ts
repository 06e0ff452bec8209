import type { LeaderStatus, ResignResult } from '../../core/leader/status-and-resign.ts';
import { printable } from './text.ts';

export function renderLeader(status: LeaderStatus): string {
  const { device_id, last_holder, term, acquired_at, renewed_at, expires_at, failing } = status;
  if (device_id === null) {
    const last =
      last_holder === null ? '' : ` The last leader was ${last_holder}, until ${expires_at ?? 'it resigned'}.`;
    return printable(`There is no leader (${term === 0 ? 'no node has led yet' : `term ${term} has ended`}).${last}`);
  }
  return [
    `${device_id} is leader, term ${term}`,
    `  since    ${acquired_at ?? '-'}`,
    `  renewed  ${renewed_at ?? '-'}`,
    `  expires  ${expires_at ?? '-'}`,
    ...failing.map(({ duty, message, since }) => `  failing  ${duty} since ${since}: ${message}`),
  ]
    .map(printable)
    .join('\n');
}

export function renderResign({ resigned, device_id, term }: ResignResult): string {
  return resigned
    ? printable(`${device_id} was made to step down; term ${term} has ended.`)
    : 'There is no leader, so nothing was changed.';
}
