await import('./start.js');
await import('./sign-in.js');
