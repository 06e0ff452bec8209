// What is printed may have been crawled. It must not forge a second line, move the cursor of a terminal, or reverse the
// text next to it: C0 and C1 controls, line and paragraph separators, direction marks.

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const SPECIAL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
/** Those that JSON leaves as they are. */
const LEFT_BY_JSON = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** `\n`, `\t`, `\r`, and `\u001b` for the others. */
export function escapeSpecial(text: string): string {
  return text.replace(SPECIAL, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    if (character === '\r') return '\\r';
    return unicodeEscape(character);
  });
}

/** A blank for each. */
export function blankSpecial(text: string): string {
  return text.replace(SPECIAL, ' ');
}

/** The same JSON: what JSON.stringify leaves stands within a string, where an escape means the same character. */
export function escapeInJson(json: string): string {
  return json.replace(LEFT_BY_JSON, unicodeEscape);
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
