// The accounts of a fleet, each with the rights that one kind of process needs. No right is of a whole schema or server.
import type { Role } from '../../domain/database-role.ts';
import { GATEWAY, LEADER, WORKER } from './node-rights.ts';
import { PRODUCER, READONLY } from './outside-rights.ts';
import type { TableRights } from './table-rights.ts';

export const RIGHTS: Record<Role, readonly TableRights[]> = {
  worker: WORKER,
  leader: LEADER,
  gateway: GATEWAY,
  producer: PRODUCER,
  readonly: READONLY,
};
