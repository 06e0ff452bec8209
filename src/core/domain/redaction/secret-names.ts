// Names of keys, variables, flags and headers that tell of a secret.

/** In a name, wherever it stands. */
export const SECRET_NAME =
  /pass(word|wd|phrase)|pgpass|[-_]pass$|secret|token|(api|access|private)[-_]?key|authorization|bearer|cookie|credential|dsn/i;
/** Of the same names, what a text is searched for. One that ends with `pass` is not among them: "3 tests pass: 5". */
export const NAMES_IN_TEXT =
  /pass(?:word|wd|phrase)|pgpass|secret|token|(?:api|access|private)[-_]?key|authorization|cookie|credential/gi;
/** Names that tell where a secret is, or something of it, and not the secret. */
const ABOUT = /[-_.](?:file|path|folder|command|version|count|at|max|tasks|type)s?$/i;

export function isAboutSecret(name: string): boolean {
  return ABOUT.test(name);
}
