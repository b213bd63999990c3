import { describe, expect, it } from '@jest/globals';
import { inWords, isSupported } from './runtime.js';

const RANGE = '^20.19.0 || ^22.13.0 || >=24.11.0';

describe('The versions of Node.js', () => {
  it.each(['20.19.0', '20.20.2', '22.13.0', '22.21.1', '24.11.0', '24.21.0', '26.0.0'])('%s will do', (version) => {
    expect(isSupported(version, RANGE)).toBe(true);
  });

  it.each(['16.20.2', '18.20.8', '20.18.3', '21.7.3', '22.12.0', '23.11.1', '24.10.0'])('%s will not', (version) => {
    expect(isSupported(version, RANGE)).toBe(false);
  });

  it('are named as people do', () => {
    expect(inWords(RANGE)).toBe('20.19+ (20.x), 22.13+ (22.x) or 24.11+');
  });
});
