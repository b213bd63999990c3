import type { MailContent } from '../mail/mail-message.js';

/** The mail that carries a reset link. */
export function resetMail(
  email: string,
  link: string,
  { publicUrl, resetTtl }: { publicUrl: string; resetTtl: number },
): MailContent {
  const host = new URL(publicUrl).host;
  const lines = [
    `Somebody, probably you, asked for a new password for ${email} at ${host}.`,
    `Open this link within ${inWords(resetTtl)} to choose one:`,
    'If it was not you, there is nothing to do: your password stays as it is.',
  ] as const;
  return {
    subject: `Choose a new password for ${host}`,
    text: `${lines[0]}\n\n${lines[1]}\n\n${link}\n\n${lines[2]}\n`,
    html: [
      '<!doctype html><html lang="en"><body style="font-family: sans-serif; line-height: 1.5">',
      `<p>${escapeHtml(lines[0])}</p>`,
      `<p>${escapeHtml(lines[1])}</p>`,
      `<p><a href="${escapeHtml(link)}">Choose a new password</a></p>`,
      `<p>${escapeHtml(lines[2])}</p>`,
      '</body></html>',
    ].join('\n'),
  };
}

function inWords(seconds: number): string {
  for (const [unit, size] of [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ] as const) {
    const count = Math.floor(seconds / size);
    if (count > 0) return count === 1 ? `one ${unit}` : `${count} ${unit}s`;
  }
  return `${seconds} seconds`;
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
