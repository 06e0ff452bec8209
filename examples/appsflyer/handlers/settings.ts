// Settings come from the environment of the worker (or of the command): nothing secret is in task data.
import { readFileSync } from 'node:fs';
import { HandlerOutcome } from './contract.ts';

export interface ApiSettings {
  base_url: string;
  token: string;
  /** Seconds after which a request is given up. */
  timeout: number;
  /** Waits are multiplied by this: 1, except in demonstrations. */
  wait_scale: number;
  page_size: number;
}

/** Settings for one account: APPSFLYER_BASE_URL, APPSFLYER_TOKENS (JSON) or APPSFLYER_TOKENS_FILE, and the rest. */
export function apiSettings(username: string, env = process.env): ApiSettings {
  const token = tokens(env)[username];
  if (typeof token !== 'string' || token === '') {
    throw new HandlerOutcome('permanent', `No API token for ${username}: add it to APPSFLYER_TOKENS_FILE.`);
  }
  return {
    base_url: env.APPSFLYER_BASE_URL ?? 'https://hq1.appsflyer.com',
    token,
    timeout: number(env, 'APPSFLYER_TIMEOUT', 300),
    wait_scale: number(env, 'APPSFLYER_WAIT_SCALE', 1),
    page_size: Math.min(1000, number(env, 'APPSFLYER_PAGE_SIZE', 1000)),
  };
}

/** Where af_data is: AF_DATA_DATABASE_URL and AF_DATA_TABLE. */
export function dataSettings(env = process.env): { url: string; table: string } {
  const url = env.AF_DATA_DATABASE_URL;
  if (url === undefined || url === '') {
    throw new Error('AF_DATA_DATABASE_URL is not set: mysql://user:password@host:port/schema of the table af_data.');
  }
  const table = env.AF_DATA_TABLE ?? 'af_data';
  if (!/^[A-Za-z0-9_]{1,64}$/.test(table)) throw new Error('AF_DATA_TABLE is not a table name.');
  return { url, table };
}

function tokens(env: NodeJS.ProcessEnv): Record<string, unknown> {
  const file = env.APPSFLYER_TOKENS_FILE;
  const raw = env.APPSFLYER_TOKENS ?? (file === undefined ? undefined : readFileSync(file, 'utf8'));
  if (raw === undefined) throw new Error('Neither APPSFLYER_TOKENS nor APPSFLYER_TOKENS_FILE is set.');
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    // The parser's message would quote the text, and with it a token.
    throw new Error('The API tokens are not JSON: {"account-1@example.com": "token", …} is wanted.');
  }
  if (typeof value !== 'object' || value === null) throw new Error('The API tokens are not a JSON object.');
  return value as Record<string, unknown>;
}

function number(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const raw = env[name];
  const value = raw === undefined || raw === '' ? fallback : Number(raw);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`${name} is "${raw}": a number above 0 is wanted.`);
}
