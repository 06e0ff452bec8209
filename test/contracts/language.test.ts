import { describe, expect, it } from 'vitest';
import { projectFiles, readProjectFile } from './project-files.ts';

interface Outline {
  /** Text of each fenced block, with the language of its fence. */
  blocks: string[];
  /** Level of each heading, in order. */
  headings: number[];
}

function outline(page: string): Outline {
  const found: Outline = { blocks: [], headings: [] };
  let block: string[] | undefined;
  for (const line of page.split('\n')) {
    if (line.startsWith('```')) {
      if (block === undefined) block = [line];
      else {
        found.blocks.push(block.join('\n'));
        block = undefined;
      }
    } else if (block !== undefined) block.push(line);
    else if (/^#{1,6} /.test(line)) found.headings.push(line.indexOf(' '));
  }
  if (block !== undefined) found.blocks.push(`${block.join('\n')} (never closed)`);
  return found;
}

/** A picture has its words in the language of its page: only its shape is compared. */
const shape = (block: string) => (block.startsWith('```mermaid') ? block.replace(/"[^"]*"/g, '""') : block);

const translated = projectFiles().filter((path) => path.endsWith('.zh-CN.md'));
/** A selection from its English page, not its translation. */
const excerpts = ['docs/reference/commands.zh-CN.md'];

describe('a page and its Chinese version', () => {
  const pairs = translated.filter((path) => !excerpts.includes(path));

  it('exist for the README and for each guide', () => {
    const guides = projectFiles().filter((path) => /^docs\/guide\/[^.]+\.md$/.test(path));
    const others = ['docs/reference/events.zh-CN.md'];
    expect(pairs.filter((path) => !others.includes(path)).sort()).toEqual(
      ['README.md', ...guides].map((path) => path.replace('.md', '.zh-CN.md')).sort(),
    );
  });

  it.each(pairs)('show the same code, block by block, and the same headings, level by level: %s', (path) => {
    const english = outline(readProjectFile(path.replace('.zh-CN', '')) ?? '');
    const chinese = outline(readProjectFile(path) ?? '');
    expect(english.headings.length).toBeGreaterThan(3);
    expect(chinese.blocks.map(shape)).toEqual(english.blocks.map(shape));
    expect(chinese.headings).toEqual(english.headings);
  });
});
