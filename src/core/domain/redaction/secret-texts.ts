// The texts by which a secret is found in what is printed. The mask finds them as they are, and as JSON, a URL and base64
// spell them.
import { SHORTEST_SECRET } from './secret-mask.ts';

/** Characters of one text of the mask. */
const MOST = 4096;

/** Every text and number of a value, and its lines. What is shorter than six characters cannot be masked. */
export function textsOf(value: unknown): string[] {
  const texts = new Set<string>();
  for (const leaf of leavesOf(value)) {
    for (const line of [leaf.text, ...leaf.text.split(/\r?\n/)]) {
      if (line.length < SHORTEST_SECRET) continue;
      for (let at = 0; at < line.length; at += MOST) texts.add(line.slice(at, at + MOST));
    }
  }
  return [...texts].filter((one) => one.length >= SHORTEST_SECRET);
}

/** Where the texts are that are too short to be masked: paths of members, '' = the value itself. */
export function shortLeaves(value: unknown): string[] {
  return [...leavesOf(value)].filter(({ text }) => text.length < SHORTEST_SECRET).map(({ path }) => path.join('.'));
}

interface Leaf {
  path: string[];
  text: string;
}

function* leavesOf(value: unknown, path: string[] = []): Generator<Leaf> {
  if (typeof value === 'string' || typeof value === 'number') yield { path, text: String(value) };
  if (typeof value !== 'object' || value === null) return;
  for (const [key, one] of Object.entries(value)) yield* leavesOf(one, [...path, key]);
}
