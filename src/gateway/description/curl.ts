// The example of an operation as a command that can be typed.
import type { Operation } from './operations.ts';

/** `$AFD_GATEWAY` is the address of a gateway: `http://127.0.0.1:8000`. */
export function curlOf({ method, example, body, events }: Operation): string {
  const flags = `-sS${events.length > 0 ? ' -N' : ''}${method === 'GET' ? '' : ` -X ${method}`}`;
  const parts = [`curl ${flags} "$AFD_GATEWAY${example.path}"`];
  for (const [name, value] of Object.entries(example.headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body !== undefined) {
    parts.push(`-H ${quoted(`content-type: ${body.type}`)}`);
    const text = typeof example.body === 'string' ? example.body : JSON.stringify(example.body);
    parts.push(`-d ${quoted(text)}`);
  }
  return parts.join(' \\\n  ');
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
