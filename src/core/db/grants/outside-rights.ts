// What programs that add tasks and people who read may do in the tables; neither is a node.
import {
  NEW_BATCH,
  NEW_TASK,
  OPEN_ATTEMPT,
  OWN_TASK,
  READABLE_ATTEMPT,
  READABLE_DEVICE,
  READABLE_LEASE,
  READABLE_TASK,
  RUNG_DEVICE,
  SEALED_BATCH,
  SEEN_BY_PRODUCER,
  SEEN_BY_READER,
} from './columns.ts';
import { SETTINGS, type TableRights, VERSION } from './table-rights.ts';

export const PRODUCER: TableRights[] = [
  VERSION,
  SETTINGS,
  {
    table: 'task',
    why: 'add tasks, and find those with the same dedupe_key; REFERENCES names the other columns without reading them',
    SELECT: OWN_TASK,
    INSERT: NEW_TASK,
    REFERENCES: SEEN_BY_PRODUCER,
  },
  { table: 'batch', why: 'make, show and seal batches', SELECT: true, INSERT: NEW_BATCH, UPDATE: SEALED_BATCH },
  { table: 'device', why: 'ring the devices that can run them', SELECT: RUNG_DEVICE },
  { table: 'assignment', why: 'count what each of these runs', SELECT: OPEN_ATTEMPT },
];

export const READONLY: TableRights[] = [
  VERSION,
  SETTINGS,
  {
    table: 'task',
    why: 'show tasks; REFERENCES names the tokens without reading them',
    SELECT: READABLE_TASK,
    REFERENCES: SEEN_BY_READER,
  },
  { table: 'assignment', why: 'show attempts', SELECT: READABLE_ATTEMPT },
  { table: 'device', why: 'show devices', SELECT: READABLE_DEVICE },
  { table: 'leader', why: 'show the leader', SELECT: READABLE_LEASE },
  { table: 'lane', why: 'show the lanes that have work', SELECT: true },
  { table: 'heartbeat', why: 'show heartbeats', SELECT: true },
  { table: 'progress', why: 'show the progress of tasks', SELECT: true },
  { table: 'log', why: 'show run logs', SELECT: true },
  { table: 'batch', why: 'show batches', SELECT: true },
  { table: 'taskEnd', why: 'show tasks that ended without an attempt', SELECT: true },
];
