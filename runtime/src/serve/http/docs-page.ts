import type { OpenApiDocument, Operation } from './openapi.ts';

/** The style of the page; a file of its own, because the security policy allows no styles within pages. */
export const docsStyle = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h2 { border-bottom: 1px solid #ccc; margin-top: 2.5rem; }
summary { cursor: pointer; padding: .3rem 0; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
pre { background: #f4f4f4; padding: .8rem; overflow: auto; max-height: 24rem; }
.method { display: inline-block; width: 3.5rem; font-weight: bold; }
.summary { color: #555; margin-left: .8rem; }
@media (prefers-color-scheme: dark) {
  body { background: #181818; color: #ddd; } pre { background: #252525; } .summary { color: #aaa; } a { color: #8bf; }
}
`;

/** The document as a page that needs no script and nothing from elsewhere. */
export function docsPage(document: OpenApiDocument): string {
  const { info, tags, paths } = document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const sections = tags.map(({ name }) => {
    const here = operations.filter(({ operation }) => operation.tags.includes(name));
    return `<h2>${escapeHtml(name)}</h2>\n${here.map(section).join('\n')}`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(info.title)}</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<h1>${escapeHtml(info.title)} <small>${escapeHtml(info.version)}</small></h1>
<p>${escapeHtml(info.description)} The same as a document: <a href="/openapi.json">openapi.json</a>.</p>
${sections.join('\n')}
</body>
</html>
`;
}

function section({
  path,
  method,
  operation,
}: {
  path: string;
  method: string;
  operation: Operation;
}): string {
  const { summary, parameters = [], requestBody, responses } = operation;
  const blocks = [
    parameters.length > 0 ? block('Parameters', parameters) : '',
    ...Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) =>
      block(`Request body, ${type}`, schema ?? 'see the schema for JSON'),
    ),
    ...Object.entries(responses).map(([code, response]) =>
      '$ref' in response ? '' : block(`${code}: ${response.description}`, response.content ?? {}),
    ),
  ];
  return `<details id="${escapeHtml(operation.operationId)}">
<summary><code><span class="method">${method.toUpperCase()}</span> ${escapeHtml(path)}</code><span class="summary">${escapeHtml(summary)}</span></summary>
${blocks.join('\n')}
</details>`;
}

function block(title: string, value: unknown): string {
  return `<h4>${escapeHtml(title)}</h4>\n<pre>${escapeHtml(JSON.stringify(value, null, 2))}</pre>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
