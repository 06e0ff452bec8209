import { MOST_READ_BYTES } from '../domain/task/requirements.ts';

/**
 * required_capabilities of a row as text, for a SELECT; `column` with its alias. One that is too long comes as a short
 * text that is not JSON, so that no device runs the task (requirements.ts): the leader and each tick read a thousand
 * lanes at a time.
 */
export const requirementsColumn = (column: string) =>
  `IF(LENGTH(${column}) > ${MOST_READ_BYTES}, CONCAT('over ${MOST_READ_BYTES} bytes: ', LEFT(${column}, 50)), CAST(${column} AS CHAR)) AS required_capabilities`;
