import type { SecretMask } from '../../domain/run-log/secret-mask.ts';
import type { HandlerLog } from '../../handlers/handler.ts';
import { redact } from '../../log/redact.ts';

type Fields = Record<string, unknown>;

/** Of one line. */
const LIMITS = { values: 1000, text: 8192, characters: 65_536 };

/** The log of the device, for what a handler says: without the secrets that it may have. */
export function maskedLog(log: HandlerLog, mask: SecretMask): HandlerLog {
  const masked = (level: keyof HandlerLog) => (message: string, fields?: Fields) =>
    log[level](mask.applyCut(String(message)), fields === undefined ? undefined : maskedFields(fields, mask));
  return { debug: masked('debug'), info: masked('info'), warn: masked('warn'), error: masked('error') };
}

function maskedFields(fields: Fields, mask: SecretMask): Fields {
  const shown: Fields = {};
  for (const [name, value] of Object.entries(fields)) shown[name] = maskedValue(value, mask);
  return shown;
}

function maskedValue(value: unknown, mask: SecretMask): unknown {
  if (typeof value === 'string') return mask.applyCut(value);
  if (typeof value !== 'object' || value === null) return value;
  const text = JSON.stringify(redact(value, LIMITS), (_key, one) => (typeof one === 'bigint' ? String(one) : one));
  const shown = text === undefined ? undefined : mask.apply(text);
  // What has a secret in it is shown as text: a masked number is no JSON.
  return shown === text ? value : shown;
}
