// A password goes only to a server that the source of the password named. Otherwise a file in the folder where afd is
// started gets the password of the environment, and a variable of another program gets the password of the file.
import { isFilling, type Origin } from './origin.ts';

/** A part of the address, and who gave it. */
export interface Given {
  key: string;
  value: string;
  origin: Origin;
}

/** The configuration file that is read. */
export interface FoundFile {
  path: string;
  /** As a reader knows it: relative to the working directory, where it lies below it. */
  name: string;
  /** False when it was only found in the working directory, so that it may not be the user's own. */
  chosen: boolean;
}

type Source = 'file here' | 'chosen file' | 'embedded server' | 'variable of others' | 'own';

/** Sources that may complete each other: one user has chosen all of each line. */
const TOGETHER: ReadonlyArray<readonly Source[]> = [
  ['own', 'variable of others'],
  ['own', 'chosen file'],
];

/** A sentence when user, password and place of a server come from sources that do not belong together. */
export function mixedSources(parts: readonly Given[], file: FoundFile | undefined): string | undefined {
  const sources = new Set(parts.map(({ origin }) => sourceOf(origin, file)));
  if (sources.size <= 1) return undefined;
  if (TOGETHER.some((allowed) => [...sources].every((one) => allowed.includes(one)))) return undefined;
  const said = [...new Set(parts.map((part) => `${part.key} ${cameFrom(part.origin, file)}`))].join(', ');
  return `takes host, user and password from several sources (${said}), but afd sends a password only to a server set by the same source. ${cure(sources, file)}`;
}

function sourceOf(origin: Origin, file: FoundFile | undefined): Source {
  if (origin === 'embedded server') return origin;
  if (origin === 'file') return file?.chosen === true ? 'chosen file' : 'file here';
  return isFilling(origin) ? 'variable of others' : 'own';
}

function cameFrom(origin: Origin, file: FoundFile | undefined): string {
  if (origin === 'file') return `in ${file?.name ?? 'the file'}`;
  if (origin.startsWith('env ')) return `by ${origin.slice(4)}`;
  return origin.startsWith('flag ') ? `by ${origin.slice(5)}` : 'of the private server';
}

function cure(sources: ReadonlySet<Source>, file: FoundFile | undefined): string {
  if (sources.has('embedded server'))
    return 'Remove the settings of the other user or password, or set AFD_DATABASE_URL.';
  if (sources.has('variable of others')) return 'Set all of them in the file, or set AFD_DATABASE_URL.';
  return `If ${file?.name ?? 'the file'} is yours, pass it with --config ${file?.name ?? 'FILE'} or AFD_CONFIG; or set AFD_DATABASE_URL.`;
}
