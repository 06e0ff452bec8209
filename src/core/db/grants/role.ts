// The accounts of a fleet, each with the rights that one kind of process needs. No right is of a whole schema or server.
import type { Role } from '../../domain/database-role.ts';
import type { MissingRight } from '../missing-right.ts';
import type { TableNames } from '../table-names.ts';
import { GATEWAY, LEADER, WORKER } from './node-rights.ts';
import { PRODUCER, READONLY } from './outside-rights.ts';
import type { Columns, TableRights } from './table-rights.ts';

export const RIGHTS: Record<Role, readonly TableRights[]> = {
  worker: WORKER,
  leader: LEADER,
  gateway: GATEWAY,
  producer: PRODUCER,
  readonly: READONLY,
};

/** The roles of people and programs, those with the fewest rights first: a node says its role. */
const OF_COMMANDS: Role[] = ['readonly', 'producer', 'gateway'];
const COLUMN_RIGHTS = ['SELECT', 'INSERT', 'UPDATE'] as const;

/** The least role of a command that has this right; undefined = none has it. */
export function leastRole(names: TableNames, { rights, table, column }: MissingRight): Role | undefined {
  const wanted = rights.split(',').map((one) => one.trim());
  return OF_COMMANDS.find((role) => {
    const own = RIGHTS[role].find((one) => names.plain[one.table].toLowerCase() === table.toLowerCase());
    return own !== undefined && wanted.every((right) => has(own, right, column));
  });
}

function has(own: TableRights, right: string, column: string | undefined): boolean {
  if (right === 'DELETE') return own.DELETE === true;
  const known = COLUMN_RIGHTS.find((one) => one === right);
  if (known === undefined) return false;
  const columns: Columns | undefined = own[known];
  return columns === true || (columns !== undefined && (column === undefined || columns.includes(column)));
}
