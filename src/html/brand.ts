import type { Config } from '../config/config.js';

/** What visitors see of who runs this server. */
export interface Brand {
  /** The operator's name, or else the host. */
  name: string;
  /** The path that the server is reached under, without a slash at its end. */
  base: string;
  /** Of buttons, as `#rrggbb`. */
  color: string;
}

/** What is written on {@link Brand.color}. */
const ON_COLOR = '#ffffff';

const DEFAULT_COLOR = '#0b57d0';

export function brandOf({ publicUrl }: Pick<Config, 'publicUrl'>): Brand {
  const { host, pathname } = new URL(publicUrl);
  return { name: host, base: pathname.replace(/\/+$/, ''), color: DEFAULT_COLOR };
}

/** @returns the brand's own part of the style of pages */
export const styleOf = ({ color }: Brand): string => `:root{--brand:${color};--brand-text:${ON_COLOR}}`;
