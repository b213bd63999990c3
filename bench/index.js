await import('./start.js');
await import('./sign-in.js');
await import('./passwords.js');
await import('./tokens.js');
await import('./hot-check.js');
await import('./identifications.js');
await import('./audit.js');
