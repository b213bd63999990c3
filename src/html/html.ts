/** HTML that is safe to put into a page as it is. */
export class Html {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

type Value = string | number | Html | readonly Html[] | false | null | undefined;

/** @returns a text escaped for use between tags and in quoted attributes */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * A template of HTML: whatever is put into it is escaped, unless it is {@link Html} itself; lists are put on lines of their
 * own; nothing stands for null, undefined and false.
 */
export function markup(parts: TemplateStringsArray, ...values: Value[]): Html {
  return new Html(parts.map((part, index) => (index === 0 ? part : written(values[index - 1]) + part)).join(''));
}

function written(value: Value): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Html) return value.text;
  return Array.isArray(value) ? value.join('\n') : escapeHtml(String(value));
}

/** A name, or other words of somebody's own, whose direction is not that of the text around it. */
export const isolated = (name: string): Html => markup`<bdi>${name}</bdi>`;
