import { readFileSync, statSync } from 'node:fs';

/** A picture that the server serves itself. */
export interface Logo {
  type: 'image/png' | 'image/svg+xml';
  content: Buffer;
}

const LARGEST_LOGO = 102_400;

export const LOGO_RULE = 'must be the path of a readable SVG or PNG file of at most 100 KiB';

/** @returns the logo in a file; undefined when it is no SVG or PNG, too large, or cannot be read */
export function readLogo(path: string): Logo | undefined {
  try {
    if (statSync(path).size > LARGEST_LOGO) return undefined;
    const content = readFileSync(path);
    const type = typeOf(content);
    return type && { type, content };
  } catch {
    return undefined;
  }
}

/** By its content, whatever the file is called. */
function typeOf(content: Buffer): Logo['type'] | undefined {
  if (content.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))) return 'image/png';
  const isSvg = /^\uFEFF?\s*(<\?xml[^>]*\?>\s*)?((<!--[^]*?-->|<!DOCTYPE[^>[]*(\[[^\]]*\]\s*)?>)\s*)*<svg[\s>]/i;
  return isSvg.test(content.toString('utf8')) ? 'image/svg+xml' : undefined;
}

/** What is written on the operator's colour, in the light and in the dark. */
export const ON_BRAND_COLOR = '#ffffff';

/** What WCAG 2.2 wants of text (success criterion 1.4.3). */
const LEAST_CONTRAST = 4.5;

export const COLOR_RULE = 'must be a colour such as #0b57d0';

/** @returns why white text cannot be read well on a colour; undefined: it can */
export function problemOfColor(color: string): string | undefined {
  const contrast = contrastOf(color, ON_BRAND_COLOR);
  if (contrast >= LEAST_CONTRAST) return undefined;
  // Cut, as 4.49 is not enough.
  const shown = Math.floor(contrast * 100) / 100;
  return `must be darker: the contrast of white text on it is ${shown}:1, and 4.5:1 is the least that people can read well (WCAG 1.4.3)`;
}

/** WCAG 2.2's contrast ratio of two colours as `#rrggbb`; see its definition there. */
export function contrastOf(one: string, other: string): number {
  const [light = 0, dark = 0] = [one, other].map(luminance).sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
