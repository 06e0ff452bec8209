// The values of a configuration, each as a person may write it and as afd uses it.
import { z } from 'zod';
import { byteSize, exactBytes } from '../domain/byte-size.ts';
import { durationSeconds, spelledSeconds } from '../domain/duration.ts';
import { isLoopback } from './loopback.ts';

const NO_DURATION = 'is not a duration (30, "30s", "250ms", "5m")';
export const MINUTE = 60;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** The longest timer of JavaScript is a little longer; one that is set for more ends at once. */
export const LONGEST_RUN = 24 * DAY;

/** Of whatever reaches a timer or the server: a value beyond its range would end a node, not slow it down. */
export const duration = (low: number, high: number) => {
  const range = `from ${spelledSeconds(low)} to ${spelledSeconds(high)}`;
  return z
    .union([z.number(), z.string()], { error: NO_DURATION })
    .transform((value, context) => {
      const parsed = durationSeconds(value);
      if (parsed !== undefined && parsed >= low && parsed <= high) return parsed;
      context.addIssue({ code: 'custom', message: parsed === undefined ? NO_DURATION : `must be a duration ${range}` });
      return z.NEVER;
    })
    .meta({ range });
};
export const seconds = (fallback: number, low: number, high: number) => duration(low, high).default(fallback);
/** How often something is done. 0 = without pause, which a node warns of. */
export const interval = (fallback: number) => seconds(fallback, 0, HOUR);

/** A number, or a string that is one (environment). Not z.coerce: it reads '' and null as 0 and true as 1. */
const numeric = z.union([z.number(), z.string()], { error: 'is not a number' }).transform((value, context) => {
  const parsed = typeof value === 'number' ? value : value.trim() === '' ? Number.NaN : Number(value);
  if (Number.isFinite(parsed)) return parsed;
  context.addIssue({ code: 'custom', message: 'is not a number' });
  return z.NEVER;
});
const number = (low: number, high: number, whole: boolean) => {
  const range = `from ${low} to ${high}`;
  const error = `must be a ${whole ? 'whole number' : 'number'} ${range}`;
  const fits = (n: number) => (!whole || Number.isInteger(n)) && n >= low && n <= high;
  return numeric.pipe(z.number().refine(fits, { error })).meta({ range });
};
export const between = (low: number, high: number) => number(low, high, false);
export const whole = (low: number, high: number) => number(low, high, true);
export const port = whole(0, 65_535);
export const percent = between(0, 100).optional();
export const weight = between(0, 1000);

/** Bases of HTTP addresses: a list, or one text with commas between them (environment, flag). */
export const urls = z
  .union([z.string(), z.array(z.string())], { error: 'must be a URL or a list of URLs' })
  .transform((value, context) => {
    const list = (typeof value === 'string' ? value.split(',') : value)
      .map((one) => one.trim())
      .filter((one) => one !== '');
    for (const one of list) {
      const problem = urlProblem(one);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    }
    if (list.length === 0)
      context.addIssue({ code: 'custom', message: 'must be a URL such as "http://127.0.0.1:8000"' });
    return list.map(withoutSlash);
  });

function withoutSlash(url: string): string {
  return url.endsWith('/') ? withoutSlash(url.slice(0, -1)) : url;
}

/** Without the text: it may have a password. */
function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'is not a URL such as "https://gateway.example:8000"';
  const { protocol, search, hash, username } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return 'must begin with http:// or https://';
  if (username !== '') return 'must not contain a user or password: use master.api_key';
  return search + hash === '' ? undefined : 'must not have a query';
}

const NO_SIZE = 'is not a size (1048576, "512MB", "2GB")';
export const bytes = (low: number, high: number) => {
  const range = `from ${exactBytes(low)} to ${exactBytes(high)}`;
  return z
    .union([z.number(), z.string()], { error: NO_SIZE })
    .transform((value, context) => {
      const parsed = byteSize(value);
      if (parsed !== undefined && parsed >= low && parsed <= high) return parsed;
      context.addIssue({ code: 'custom', message: parsed === undefined ? NO_SIZE : `must be a size ${range}` });
      return z.NEVER;
    })
    .meta({ range });
};

export const flag = z
  .union([z.boolean(), z.string()], { error: 'must be true or false' })
  .transform((value, context) => {
    if (typeof value === 'boolean') return value;
    if (/^(true|yes|on|1)$/i.test(value)) return true;
    if (/^(false|no|off|0)$/i.test(value)) return false;
    context.addIssue({ code: 'custom', message: 'must be true or false' });
    return z.NEVER;
  });

/** Keys of `database` about its encryption. */
export const encryption = {
  tls: z.enum(['disable', 'verify-ca', 'verify-full']).optional(),
  tls_ca: z.string().optional(),
  tls_cert: z.string().optional(),
  tls_key: z.string().optional(),
  server_public_key: z.string().optional(),
};

const NO_ZONE = 'must be an offset such as "+08:00", or SYSTEM (named time zones are not supported)';
export const timeZone = z
  .string()
  .regex(/^([+-]\d{2}:\d{2}|SYSTEM)$/, NO_ZONE)
  .default('+00:00');

const NO_NETWORK = 'is not an address or a network, such as "127.0.0.1" or "10.0.0.0/8"';

/** Addresses and networks. */
export const networks = z
  .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], { error: NO_NETWORK }))
  .max(1000)
  .default([]);

/** Where the browser comes back from an OpenID provider, below the address of the gateway. */
export const CALLBACK_PATH = '/api/v1/session/oidc/callback';

/** What a browser or a gateway is sent to; anybody between them must not read it. */
const secureUrl = z.string().superRefine((text, context) => {
  const message = secureUrlProblem(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

function secureUrlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'is not a URL such as "https://login.example"';
  const { protocol, hostname, username, password, search, hash } = new URL(text);
  const local = protocol === 'http:' && isLoopback(hostname.replace(/^\[|\]$/g, ''));
  if (protocol !== 'https:' && !local) return 'must begin with https://; http:// is for this machine alone';
  if (username + password !== '') return 'must not contain a user or password';
  return search + hash === '' ? undefined : 'must not have a query';
}

/** Of a gateway: the OpenID provider at which people sign in. What belongs together is checked where it is used (openid-settings.ts). */
const oidc = z
  .strictObject({
    /** As the provider spells it in its ID tokens. */
    issuer: secureUrl.optional(),
    client_id: z.string().min(1).max(255).optional(),
    /** Without one the client is public, and PKCE alone binds a code to who asked for it. */
    client_secret: z.string().min(1).optional(),
    /** Relative to the configuration file; not everybody may read it. */
    client_secret_file: z.string().min(1).optional(),
    /** As it is registered at the provider. */
    redirect_uri: secureUrl
      .refine((text) => text.endsWith(CALLBACK_PATH), { message: `must end with ${CALLBACK_PATH}` })
      .optional(),
    /** Words with blanks between them. */
    scopes: z
      .string()
      .max(1000)
      .refine((text) => text.split(' ').includes('openid'), { message: 'must contain openid' })
      .default('openid profile'),
    /** The claim that holds the name of the user of afd. */
    name_claim: z.string().min(1).max(64).default('preferred_username'),
  })
  .prefault({});

/** Of a gateway. */
export const server = z
  .strictObject({
    host: z.string().optional(),
    port: port.optional(),
    /** Processes that share the port. */
    workers: whole(1, 1000).optional(),
    /** Files of a certificate (with those between it and its authority) and of its key, relative to the configuration file: then it speaks TLS. */
    tls_cert: z.string().min(1).optional(),
    tls_key: z.string().min(1).optional(),
    /** Whether it asks for API keys, or sessions of users. */
    auth: z.enum(['none', 'keys']).default('none'),
    oidc,
    /** File with the certificates of the authorities that sign those of devices; a device shows its own in place of a key. */
    client_ca: z.string().min(1).optional(),
    /** Key of the first authority in client_ca: with it the gateway signs certificates of devices itself. */
    client_ca_key: z.string().min(1).optional(),
    /** File with revocation lists of those authorities. */
    client_crl: z.string().min(1).optional(),
    /** Whether a device may come with a key alone. */
    client_certificates: z.enum(['optional', 'required']).default('optional'),
    /** For how long a certificate is valid that the gateway signs. */
    client_lifetime: seconds(7 * DAY, 10, 365 * DAY),
    /** Whose X-Forwarded-For says where a request comes from. */
    trusted_proxies: networks,
    /** Whether its log has a line for each request; one that was refused for its key always has one. */
    access_log: flag.default(false),
  })
  .prefault({});
