/** The columns of a task row that are part of its payload when they are not NULL or ''. */
export interface PayloadColumns {
  username: string | null;
  app_id: string | null;
  start_date: string | null;
  end_date: string | null;
}

/**
 * What a handler sees as task_data: the columns, overlaid by the JSON of task_data (so JSON wins). task_data may hold a
 * JSON string that itself contains JSON (rows written twice encoded): it is decoded twice.
 * @throws Error when task_data is not JSON, or not an object
 */
export function effectivePayload(columns: PayloadColumns, taskData: string | null): Record<string, unknown> {
  const data = decodeTaskData(taskData);
  const payload: Record<string, unknown> = {};
  let own = 0;
  for (const key of ['username', 'app_id', 'start_date', 'end_date'] as const) {
    const value = columns[key];
    if (value !== null && value !== undefined && value !== '') {
      payload[key] = value;
      own += 1;
    }
  }
  return own === 0 ? data : { ...payload, ...data };
}

function decodeTaskData(text: string | null): Record<string, unknown> {
  if (text === null || text === undefined || text === '') return {};
  let value: unknown = JSON.parse(text);
  if (typeof value === 'string') value = value === '' ? {} : JSON.parse(value);
  if (value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error('task_data is not a JSON object');
  return value as Record<string, unknown>;
}
