// Who gave a value, and who wins.

/** `fleet`: the database says so (core/settings), over whatever this node was given. */
export type Origin = 'default' | 'file' | `env ${string}` | `flag ${string}` | 'embedded server' | 'fleet';

/** Variables that other programs read too: they fill what is left open, and overrule nothing. */
export const FILLING: ReadonlySet<string> = new Set([
  'MASTER_HOST',
  'MASTER_PORT',
  'DEVICE_ID',
  'MYSQL_HOST',
  'MYSQL_PORT',
  'MYSQL_USER',
  'MYSQL_PASSWORD',
  'MYSQL_DATABASE',
]);

export function isFilling(origin: Origin): boolean {
  return origin.startsWith('env ') && FILLING.has(origin.slice(4));
}

/** The higher one wins: default, filling variable, file or embedded server, variable of afd, flag. */
export function rankOf(origin: Origin | undefined): number {
  if (origin === undefined || origin === 'default') return 0;
  if (isFilling(origin)) return 1;
  if (origin === 'file' || origin === 'embedded server') return 2;
  return origin.startsWith('env ') ? 3 : 4;
}
