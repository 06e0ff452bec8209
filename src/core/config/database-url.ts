// The parts of a database URL. No sentence here repeats any of it: where a special character of a password is not encoded, a
// piece of the password stands in the place of a host, a port, a parameter or a schema.

import { hostsProblem, splitHosts } from './sections/database-hosts.ts';

export type Parts = Partial<
  Record<'host' | 'hosts' | 'port' | 'socket' | 'user' | 'password' | 'name' | 'tls', string>
>;

const SHAPE = 'mysql://user:password@host:port/schema';
const ENCODE = 'percent-encode special characters of the password, such as %40 for "@", %3F for "?", %2F for "/"';

/** From the scheme to the hosts, the hosts, and the rest, of a URL with several hosts. */
const SEVERAL = /^([a-z]+:\/\/(?:[^@/?#]*@)?)([^@,/?#]*,[^@/?#]*)([/?#].*)?$/;

/**
 * The parts of `mysql://user:password@host:port/schema?socket=…&tls=…`, or a sentence that says what is wrong with it. There may
 * be several hosts, with commas between them and a port each.
 */
export function parseDatabaseUrl(text: string): Parts | string {
  const [, front = '', several, rest = ''] = SEVERAL.exec(text) ?? [];
  let url: URL;
  try {
    url = new URL(several === undefined ? text : `${front}localhost${rest}`);
  } catch {
    return `is not a URL of the form ${SHAPE} (${ENCODE})`;
  }
  if (url.protocol !== 'mysql:' && url.protocol !== 'mariadb:') return `must start with mysql://: ${SHAPE}`;
  for (const name of url.searchParams.keys()) {
    if (name !== 'socket' && name !== 'tls') return `has an unknown parameter (known: socket, tls; ${ENCODE})`;
  }
  if (url.hash !== '') return `contains a "#" (${ENCODE.replace('%3F for "?"', '%23 for "#"')})`;
  // "mysql://u:12/rest@host/db": the user is taken for the host, and the rest of the password for a schema.
  if (url.username === '' && url.pathname.includes('@')) return `has no user before the host: ${SHAPE} (${ENCODE})`;
  const parts: Parts = {};
  try {
    const set = (name: keyof Parts, value: string | null) => {
      if (value !== null && value !== '') parts[name] = value;
    };
    if (several === undefined) set('host', decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1'));
    else set('hosts', splitHosts(decodeURIComponent(several)).join(','));
    set('port', url.port);
    set('user', decodeURIComponent(url.username));
    set('password', decodeURIComponent(url.password));
    set('name', decodeURIComponent(url.pathname.slice(1)));
    set('socket', url.searchParams.get('socket'));
    set('tls', url.searchParams.get('tls'));
  } catch {
    return 'contains a "%" that is not percent-encoded (write %25)';
  }
  const problem = several === undefined ? undefined : hostsProblem(splitHosts(several));
  if (problem !== undefined) return `${problem}: mysql://user:password@host1:port,host2:port/schema (${ENCODE})`;
  if (parts.name?.includes('/')) return `must end with a schema name: ${SHAPE}`;
  return parts;
}
