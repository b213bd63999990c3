import { createHash } from 'node:crypto';
import { ON_BRAND_COLOR } from '../config/branding.js';
import type { Config } from '../config/config.js';

/** What visitors see of who runs this server. */
export interface Brand {
  /** The operator's name, or else the host. */
  name: string;
  /** The path that the server is reached under, without a slash at its end. */
  base: string;
  /** The path of the logo, which changes with it. */
  logo: string | undefined;
  /** Of buttons, as `#rrggbb`. */
  color: string;
  supportUrl: string | undefined;
  /** Where pages lead when they are done. */
  appUrl: string | undefined;
}

const DEFAULT_COLOR = '#0b57d0';

export function brandOf({ publicUrl, brand, appUrl }: Pick<Config, 'publicUrl' | 'brand' | 'appUrl'>): Brand {
  const { host, pathname } = new URL(publicUrl);
  const base = pathname.replace(/\/+$/, '');
  const { name = host, logo, color = DEFAULT_COLOR, supportUrl } = brand;
  return { name, base, logo: logo && `${base}/brand/logo?v=${digestOf(logo.content)}`, color, supportUrl, appUrl };
}

/** @returns what tells one content from another in an address */
export const digestOf = (content: Buffer): string =>
  createHash('sha256').update(content).digest('base64url').slice(0, 16);

/** @returns the brand's own part of the style of pages */
export const styleOf = ({ color }: Brand): string => `:root{--brand:${color};--brand-text:${ON_BRAND_COLOR}}`;
