import type { Role } from '../core/grants/roles.ts';

const PRODUCERS = new Set(['tasks:add', 'tasks:import', 'batches:seal']);
const READERS = new Set([
  ...['status', 'logs', 'config:show', 'leader:status', 'migrate:status', 'devices:ls', 'devices:show'],
  ...['tasks:ls', 'tasks:show', 'tasks:wait', 'tasks:export'],
  ...['batches:ls', 'batches:show', 'batches:wait'],
]);

/** The role of `afd db grants` whose account can run this command; whatever changes something else is an operator's. */
export function roleOfCommand(id: string): Role {
  if (PRODUCERS.has(id)) return 'producer';
  return READERS.has(id) ? 'readonly' : 'gateway';
}
