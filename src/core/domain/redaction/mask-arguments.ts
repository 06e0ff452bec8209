import { SECRET_NAME } from './secret-names.ts';

/** Programs with short flags that are followed by a password: `mysql -psecret`, `curl -u user:secret`. */
const JOINED = /^(mysql|mariadb)/;
const LOGIN = /^(curl|wget)$/;

/**
 * A command line without what resembles a secret: the value of `--token=…`, `--token …`, `TOKEN=…`, `Authorization: …`,
 * and of the short flags of mysql and curl. Nothing else can be known of a program that afd has never seen.
 */
export function maskArguments(argv: readonly string[]): string[] {
  let program = '';
  let hide = false;
  return argv.map((argument, n) => {
    if (hide) {
      hide = false;
      return '***';
    }
    const base = argument.slice(argument.lastIndexOf('/') + 1);
    if (n === 0 || JOINED.test(base) || LOGIN.test(base)) program = base;
    if (JOINED.test(program) && /^-p./.test(argument)) return '-p***';
    if (LOGIN.test(program) && (argument === '-u' || argument === '--user')) hide = true;
    const found = SECRET_NAME.exec(argument);
    if (found === null) return argument;
    const end = found.index + found[0].length;
    const separator = argument.slice(end).search(/[=:]/);
    if (separator !== -1) return `${argument.slice(0, end + separator + 1)}***`;
    if (argument.startsWith('-')) hide = true;
    return argument;
  });
}
