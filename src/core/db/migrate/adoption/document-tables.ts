// The three tables next to the task table as the design document creates them: by these columns afd knows that a table
// of that name is the document's, and not another program's.
export type DocumentTable = 'device' | 'assignment' | 'heartbeat';

export const DOCUMENT_COLUMNS: Record<DocumentTable, readonly string[]> = {
  device:
    'id device_id device_name device_type ip_address port status capabilities max_concurrent_tasks current_tasks last_heartbeat created_at updated_at'.split(
      ' ',
    ),
  assignment:
    'id task_id device_id assigned_at started_at completed_at status retry_count error_message created_at updated_at'.split(
      ' ',
    ),
  heartbeat: 'id device_id heartbeat_time cpu_usage memory_usage disk_usage active_tasks system_info'.split(' '),
};

/** Indexes of the document that afd makes longer under their name, as the document has them. */
export const DOCUMENT_INDEXES: Record<DocumentTable, Record<string, string>> = {
  device: {},
  assignment: { idx_task_id: 'task_id', idx_device_id: 'device_id', idx_status: 'status' },
  heartbeat: {},
};

/**
 * A column of afd's own that every migrated table has. Adopted tables have it INVISIBLE, so that a program's SELECT * and
 * its INSERT without a column list go on as before; in a table that afd made it is visible.
 */
export const MARK: Record<Exclude<DocumentTable, 'heartbeat'>, string> = {
  device: 'instance_token',
  assignment: 'claim_token',
};

/** More rows than this are not copied while others wait: the ALTER is for the operator, at an hour of their choice. */
export const MOST_COPIED = 1_000_000;
