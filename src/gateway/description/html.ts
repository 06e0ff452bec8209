// HTML without scripts and without anything from elsewhere. Every text is escaped; what is HTML already is marked as such.
import { createHash } from 'node:crypto';

/** HTML that is shown as it is. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | Html[] | string | number | undefined;

/** Escapes everything that is put in, except Html. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(strings.reduce((text, next, n) => `${text}${spell(parts[n - 1])}${next}`));
}

/** Texts of the description contain code between backticks. */
export function prose(text: string): Html {
  const parts = text.split('`');
  return new Html(parts.map((one, n) => (n % 2 === 1 ? `<code>${escaped(one)}</code>` : escaped(one))).join(''));
}

export function json(value: unknown): Html {
  return html`<pre>${JSON.stringify(value, null, 2)}</pre>`;
}

/** A whole document. */
export function documentOf(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
${body}
</body>
</html>
`.text;
}

function spell(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Html) return part.text;
  return Array.isArray(part) ? part.map((one) => one.text).join('\n') : escaped(String(part));
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (one) => ENTITIES[one] ?? '');
}

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: #0a58ca; }
@media (prefers-color-scheme: dark) { :root { --link: #8ab4f8; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; overflow-wrap: anywhere; }
a { color: var(--link); }
h2 { border-bottom: 1px solid var(--line); margin-top: 3rem; text-transform: capitalize; }
h3 { margin: 2rem 0 .25rem; }
h4 { margin: 1rem 0 .25rem; }
nav ul { list-style: none; padding: 0; }
nav li { padding: .2rem 0; }
.call { font-family: ui-monospace, monospace; font-size: .9rem; }
.method { display: inline-block; font-weight: bold; min-width: 4.5em; }
code { font-family: ui-monospace, monospace; font-size: .9em; background: var(--soft); border-radius: 3px; padding: 0 .2em; }
pre { background: var(--soft); border-radius: 6px; font: .85rem/1.4 ui-monospace, monospace; margin: .5rem 0; max-height: 30rem; overflow: auto; overflow-wrap: normal; padding: .75rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
td, th { border-top: 1px solid var(--line); padding: .35rem .5rem .35rem 0; text-align: left; vertical-align: top; }
section { scroll-margin-top: 1rem; }
`;

/** Nothing is loaded, nothing runs; the style is known by its hash. */
export const PAGE_HEADERS = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};
