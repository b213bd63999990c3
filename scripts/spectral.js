// Holds docs/openapi.json against Spectral's rules for OpenAPI: `npm run lint:openapi`.
import { readFileSync } from 'node:fs';
import spectral from '@stoplight/spectral-core';
import rulesets from '@stoplight/spectral-rulesets';

const linter = new spectral.Spectral();
linter.setRuleset({ extends: [rulesets.oas] });
const findings = await linter.run(JSON.parse(readFileSync(process.argv[2], 'utf8')));
for (const { code, path, message } of findings) console.error(`${path.join(' › ')}: ${message} (${code})`);
if (findings.length === 0) console.log('Spectral finds nothing.');
process.exitCode = Math.min(findings.length, 1);
