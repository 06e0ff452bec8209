import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFiles, ROOT, readProjectFile } from './project-files.ts';

interface Link {
  target: string;
  line: number;
}

/** Relative links and images of a page, outside of code. */
function relativeLinks(page: string): Link[] {
  const found: Link[] = [];
  let fenced = false;
  for (const [index, raw] of page.split('\n').entries()) {
    if (raw.startsWith('```')) fenced = !fenced;
    if (fenced) continue;
    const line = raw.replace(/`[^`]*`/g, '');
    for (const [, target] of line.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)) {
      if (target !== undefined && !/^[a-z][a-z0-9+.-]*:/i.test(target)) found.push({ target, line: index + 1 });
    }
  }
  return found;
}

/** Anchors of the headings of a page, as GitHub makes them. */
function anchors(page: string): Set<string> {
  const names = new Set<string>();
  for (const [, heading] of page.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} +(.+)$/gm)) {
    const base = (heading ?? '')
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
      .replaceAll(' ', '-');
    let name = base;
    for (let n = 1; names.has(name); n += 1) name = `${base}-${n}`;
    names.add(name);
  }
  return names;
}

/** What is wrong with the links of a page; empty = nothing. */
function brokenLinks(path: string, page: string): string[] {
  return relativeLinks(page).flatMap(({ target, line }) => {
    const [file = '', anchor] = decodeURIComponent(target).split('#');
    const to = file === '' ? path : posix.normalize(posix.join(posix.dirname(path), file));
    if (to !== path && (to.startsWith('..') || !existsSync(new URL(to, ROOT))))
      return [`${path}:${line} ${target}: no such file`];
    if (anchor === undefined || anchor === '' || !to.endsWith('.md')) return [];
    const known = anchors(to === path ? page : (readProjectFile(to) ?? ''));
    return known.has(anchor) ? [] : [`${path}:${line} ${target}: no such heading`];
  });
}

describe('the pages of the documentation', () => {
  const pages = projectFiles().filter((path) => path.endsWith('.md'));

  it('link only to files and headings that exist', () => {
    expect(pages).toContain('README.md');
    expect(pages.flatMap((path) => brokenLinks(path, readProjectFile(path) ?? ''))).toEqual([]);
  });

  it('are all reachable from docs/README.md', () => {
    const index = readProjectFile('docs/README.md') ?? '';
    const linked = new Set(relativeLinks(index).map(({ target }) => posix.join('docs', target.split('#')[0] ?? '')));
    const here = pages.filter((path) => path.startsWith('docs/') && path !== 'docs/README.md');
    expect(here.filter((path) => !linked.has(path))).toEqual([]);
  });

  it('that link to nothing are found', () => {
    const page =
      '# A title, *two*\n[a](#a-title-two) [b](#b)\n[c](none.md) ![d](https://x/y) `[e](f.md)`\n```\n[g](h.md)\n```';
    expect(brokenLinks('docs/page.md', page)).toEqual([
      'docs/page.md:2 #b: no such heading',
      'docs/page.md:3 none.md: no such file',
    ]);
    expect(brokenLinks('docs/page.md', '[a](../AGENTS.md#layers-a-test-guards-them)')).toEqual([]);
    expect(brokenLinks('README.md', '[a](../outside.md)')).toHaveLength(1);
  });
});
