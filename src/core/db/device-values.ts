// What a device row says, as the rest of afd may rely on it. Rows are written by other processes, other versions and
// people; an odd one makes its own device unable, and fails no call of another.
import { isIP } from 'node:net';
import type { Capabilities } from '../domain/eligibility.ts';
import { fromJson, fromJsonObject } from './rows.ts';
import type { Row } from './session.ts';

/** More types than any device has; every producer reads the row. */
const MOST_TYPES = 1000;
const TOKEN_BYTES = 16;

/** A JSON column that holds an object, whose `supported_tasks` is a list of strings or absent. */
export function capabilitiesOf(text: string | null | undefined): Capabilities {
  const { supported_tasks: types, ...others } = fromJsonObject(text);
  return types === undefined ? others : { ...others, supported_tasks: texts(types) };
}

/** A JSON column that holds a list of strings; whatever else is in it is passed over. */
export function textsOf(json: string | null | undefined): string[] {
  return texts(fromJson(json));
}

function texts(list: unknown): string[] {
  if (!Array.isArray(list)) return [];
  return list.filter((one): one is string => typeof one === 'string').slice(0, MOST_TYPES);
}

/** A column that counts or measures: 0 or more; null when it is NULL or no number. */
export function amountOf(value: unknown, most = Number.MAX_SAFE_INTEGER): number | null {
  const number = value === null || value === undefined ? Number.NaN : Number(value);
  return Number.isNaN(number) ? null : Math.min(most, Math.max(0, number));
}

/** Why the device cannot be rung at its address and port; undefined = it can be rung. */
export function ringProblem({ ip_address: address, port, ring_token: token }: Row): string | undefined {
  if (!Number.isInteger(Number(port)) || Number(port) < 1 || Number(port) > 65_535) return `"${port}" is not a port`;
  if (typeof address !== 'string' || isIP(address) === 0) return `"${address}" is not an IP address`;
  if (token !== undefined && !(Buffer.isBuffer(token) && token.length === TOKEN_BYTES))
    return 'its ring token is not valid';
  return undefined;
}

/** What is odd about the row of a worker, in words, for people; empty = nothing. A port of 0 means that it is not rung. */
export function rowProblems(row: Row): string[] {
  if (row.device_type !== 'worker') return [];
  const problems: string[] = [];
  const ring = Number(row.port) === 0 ? undefined : ringProblem(row);
  if (ring !== undefined) problems.push(ring);
  const capabilities = fromJson(row.capabilities);
  if (capabilities !== null && (typeof capabilities !== 'object' || Array.isArray(capabilities))) {
    problems.push('capabilities is not an object');
  } else if (!isTexts((capabilities as { supported_tasks?: unknown } | null)?.supported_tasks)) {
    problems.push('supported_tasks is not a list of task types');
  }
  if (!isTexts(fromJson(row.over_limits) ?? undefined)) problems.push('over_limits is not a list of strings');
  if (Number(row.max_concurrent_tasks ?? 0) < 0) problems.push('max_concurrent_tasks is negative');
  return problems;
}

function isTexts(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.every((one) => typeof one === 'string'));
}
