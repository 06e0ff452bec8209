// GET /docs: the document for people.
import type { OpenAPIV3_1 } from 'openapi-types';
import { TAGS } from '../../http/tags.ts';
import { curlOf } from './curl.ts';
import { documentOf, Html, html, json, prose } from './html.ts';
import { type Answer, type Operation, operationsOf, schemasOf } from './operations.ts';
import type { JsonSchema, Schemas } from './sample.ts';
import { membersOf, typeOf } from './schema-words.ts';

export function referencePage(document: OpenAPIV3_1.Document): string {
  const operations = operationsOf(document);
  const tags = Object.entries(TAGS).filter(([tag]) => operations.some((one) => one.tag === tag));
  const chapter = (tag: string) => operations.filter((one) => one.tag === tag);
  const body = html`<header>
<h1>afd ${document.info.version}: the HTTP API</h1>
<p>${prose(document.info.description ?? '')}</p>
<p>For programs: <a href="/openapi.json">openapi.json</a>. For errors: <a href="/docs/errors">the codes</a>.</p>
</header>
<nav>
${tags.map(
  ([tag]) => html`<h4><a href="#tag-${tag.replaceAll(' ', '-')}">${tag}</a></h4>
<ul>
${chapter(tag).map((one) => html`<li class="call"><a href="#${one.id}"><span class="method">${one.method}</span> ${one.path}</a></li>`)}
</ul>`,
)}
</nav>
<main>
${tags.map(
  ([tag, about]) => html`<h2 id="tag-${tag.replaceAll(' ', '-')}">${tag}</h2>
<p>${prose(about)}</p>
${chapter(tag).map((one) => sectionOf(one, schemasOf(document)))}`,
)}
</main>`;
  return documentOf('afd: the HTTP API', body);
}

function sectionOf(one: Operation, schemas: Schemas): Html {
  const { parameters, body, answers, problems } = one;
  return html`<section id="${one.id}">
<h3>${one.id}</h3>
<p class="call"><span class="method">${one.method}</span> ${one.path}</p>
<p>${prose(one.summary)} ${one.description === undefined ? '' : prose(one.description)}</p>
${
  parameters.length === 0
    ? ''
    : html`<h4>Parameters</h4>
${tableOf(
  parameters.map((parameter) => ({
    path: parameter.name,
    type: `${typeOf(parameter.schema, schemas)}, in ${parameter.in}`,
    required: parameter.required,
    description: parameter.description,
  })),
)}`
}
${body === undefined ? '' : html`<h4>Body</h4>${fieldsOf(body.schema, schemas)}`}
<h4>Example</h4>
<pre>${curlOf(one)}</pre>
${answers.map((answer) => answerOf(answer, schemas))}
${one.events.map(({ type, schema }) => html`<h4>Data of <code>${type}</code></h4>${fieldsOf(schema, schemas)}`)}
${problems.length === 0 ? '' : html`<h4>Problems</h4><p>${problems.map(problemOf)}</p>`}
</section>`;
}

function answerOf({ status, description, media }: Answer, schemas: Schemas): Html {
  if (media === undefined) return html`<h4>Answer ${status}</h4><p>${prose(description)}</p>`;
  const example = media.type.endsWith('json') ? json(media.example) : html`<pre>${String(media.example)}</pre>`;
  return html`<h4>Answer ${status}: ${media.type}</h4><p>${prose(description)}</p>
${example}${fieldsOf(media.schema, schemas)}`;
}

function problemOf({ status, codes }: { status: string; codes: string[] }): Html {
  const links = codes.map((code) => html` <a href="/docs/errors#${code}"><code>${code}</code></a>`);
  return html`${status}:${links} `;
}

function fieldsOf(schema: JsonSchema, schemas: Schemas): Html {
  const members = membersOf(schema, schemas);
  return members.length === 0 ? new Html('') : tableOf(members);
}

function tableOf(rows: Array<{ path: string; type: string; required: boolean; description: string }>): Html {
  return html`<div class="table"><table>
${rows.map(
  ({ path, type, required, description }) =>
    html`<tr><th><code>${path}</code></th><td>${type}${required ? '' : ', optional'}</td><td>${prose(description)}</td></tr>`,
)}
</table></div>`;
}
